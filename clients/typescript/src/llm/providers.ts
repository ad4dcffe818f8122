/** Which profile is for which address. */

const BY_HOST: readonly [RegExp, string][] = [
  [/(^|\.)anthropic\.com$|(^|\.)claude\.com$/, 'anthropic'],
  [/(^|\.)azure\.com$/, 'azure'],
  [/(^|\.)groq\.com$/, 'groq'],
  [/(^|\.)mistral\.ai$/, 'mistral'],
  [/(^|\.)openrouter\.ai$/, 'openrouter'],
  [/(^|\.)googleapis\.com$/, 'gemini'],
  [/^bedrock.*\.amazonaws\.com$/, 'bedrock']
]

/** Returns the name of the profile for a URL. An unknown host is told by its path: a gateway speaks as a provider does. */
export function providerOf({ hostname, pathname }: URL): string {
  const known = BY_HOST.find(([pattern]) => pattern.test(hostname))
  return known?.[1] ?? (pathname.endsWith('/messages') ? 'anthropic' : 'openai')
}
