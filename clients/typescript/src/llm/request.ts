/** Reads the request of an SDK: which model, how much output at most, and about how much input. */

/** A request for which tokens count. */
export interface LlmRequest {
  readonly model: string
  /** The most output that the request allows, in tokens; null if it does not say. */
  readonly maxOutput: number | null
  /** The body, as JSON. */
  readonly body: Readonly<Record<string, any>>
}

/** Parts of a body that are input. */
const INPUT_FIELDS = ['system', 'messages', 'tools', 'input', 'instructions', 'prompt', 'contents', 'systemInstruction', 'toolConfig']

/** Fields that hold no text of the input. */
const NOT_TEXT = new Set(['role', 'type', 'id', 'tool_use_id', 'tool_call_id', 'cache_control', 'mimeType', 'media_type'])

/** The tokens of an image or a document, whose bytes say nothing about it. */
const MEDIA_TOKENS = 1_500

/** Paths whose requests count no tokens of the model's limits. */
const UNLIMITED = /\/(count_tokens|batches|files|moderations)(\/|$|:)|:countTokens$/

/** Reads a request; null if it is none to a model. */
export async function readRequest(url: URL, method: string, body: unknown): Promise<LlmRequest | null> {
  if (method !== 'POST' || UNLIMITED.test(url.pathname)) return null
  const text = await bodyText(body)
  if (text === null) return null
  const json = parse(text)
  if (json === null) return null
  const model = typeof json['model'] === 'string' ? json['model'] : modelOfPath(url.pathname)
  return model === null ? null : { model, maxOutput: maxOutput(json), body: json }
}

/** Estimates the tokens of the input: a quarter of the bytes of its text. */
export function estimateInput(body: Readonly<Record<string, any>>): number {
  const fields = INPUT_FIELDS.filter((field) => field in body)
  const bytes = fields.map((field) => textBytes(body[field])).reduce((sum, part) => sum + part, 0)
  return Math.max(1, Math.ceil(bytes / 4))
}

async function bodyText(body: unknown): Promise<string | null> {
  if (typeof body === 'string') return body
  if (body instanceof Request) return body.clone().text()
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return new TextDecoder().decode(body as Uint8Array)
  return body instanceof Blob ? body.text() : null
}

function parse(text: string): Record<string, any> | null {
  try {
    const json = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : null
  } catch {
    return null
  }
}

/** Gemini, Bedrock and Azure name the model in the path. */
function modelOfPath(path: string): string | null {
  const found = /\/(?:models|model|deployments)\/([^/:]+)/.exec(path)?.[1]
  return found === undefined ? null : decodeURIComponent(found)
}

function maxOutput(body: Record<string, any>): number | null {
  const said = [
    body['max_completion_tokens'],
    body['max_output_tokens'],
    body['max_tokens'],
    body['generationConfig']?.maxOutputTokens,
    body['inferenceConfig']?.maxTokens
  ]
  return said.find((tokens) => Number.isSafeInteger(tokens) && tokens >= 0) ?? null
}

function textBytes(value: unknown): number {
  if (typeof value === 'string') return value.startsWith('data:') ? MEDIA_TOKENS * 4 : byteLength(value)
  if (Array.isArray(value)) return value.reduce((sum: number, part) => sum + textBytes(part), 0)
  if (typeof value !== 'object' || value === null) return 0
  return Object.entries(value).reduce((sum, [field, part]) => {
    if (NOT_TEXT.has(field)) return sum
    return sum + (field === 'data' && typeof part === 'string' ? MEDIA_TOKENS * 4 : textBytes(part))
  }, 0)
}

/** Returns the bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  // Most text is ASCII, whose length is its number of bytes.
  return /^[\x00-\x7f]*$/.test(text) ? text.length : new TextEncoder().encode(text).length
}
