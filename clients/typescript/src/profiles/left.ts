/** What is left of a limit by a provider's count. */

/** What is left of a limit. */
export interface Left {
  /** What the limit may be called in a policy, the most usual name first. */
  readonly names: readonly string[]
  readonly remaining: number
  /** The whole limit; null if it is not said. */
  readonly of: number | null
  /** In how many ms the limit starts anew, if that is in the future. */
  readonly resetMs: number | null
}

/** Reads a count; null if it is none. One that is larger than every client can read is the largest of those. */
export function count(text: string): number | null {
  return /^[0-9]+$/.test(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : null
}
