/** The data of profiles.json, as far as this package uses it. crates/profiles/README.md describes the fields. */

import { PROFILES } from './data.js'
import type { Form } from './time.js'

/** The counts of a provider. */
export type Count = 'requests' | 'input-tokens' | 'output-tokens' | 'tokens'

/** Paths in a body by count, such as `usage.output_tokens`. The first that is there counts. */
export type Paths = Readonly<Partial<Record<Count, readonly string[]>>>

/** Where an event of a stream says what was used. */
export interface EventUsage extends Paths {
  /** The name of the event; null if it has none. */
  readonly event: string | null
  /** Paths that count as well. */
  readonly add?: Paths
}

/** A header with a time. */
interface TimeHeader {
  readonly header: string
  readonly form: Form
}

/** What a provider says, and how. */
export interface Profile {
  readonly limits: readonly {
    readonly names: readonly string[]
    readonly remaining: string
    /** The header with the whole limit. */
    readonly of?: string
    readonly reset?: TimeHeader
  }[]
  readonly structured?: { readonly header: string }
  readonly retry: readonly TimeHeader[]
  readonly refused: {
    readonly statuses: readonly number[]
    /** Whether a refused request counts; null: not known. */
    readonly counts: boolean | null
  }
  readonly usage?: {
    readonly body: Paths
    readonly add?: Paths
    readonly excluded?: readonly string[]
    readonly stream?: readonly EventUsage[]
    readonly headers?: Readonly<Partial<Record<Count, string>>>
  }
  readonly output?: { readonly charged: string | null }
}

/** The names of all profiles. */
export const PROVIDERS: readonly string[] = Object.keys(PROFILES)

/** Returns the profile of a provider. */
export function profile(provider: string): Profile {
  const found = Object.hasOwn(PROFILES, provider) ? (PROFILES as unknown as Record<string, Profile>)[provider] : undefined
  if (!found) throw new TypeError(`there is no profile of this name; there are ${PROVIDERS.join(', ')}`)
  return found
}
