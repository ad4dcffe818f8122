/** Reads what a call uses while its answer passes. */

import type { Profile } from '../profiles/profile.js'
import { byteLength } from './request.js'
import { SseReader } from './sse.js'
import { merged, usageOfBody, usageOfEvent, usageOfHeaders, type Usage } from './usage.js'

/** The longest JSON body that is read, in bytes. Longer ones pass, and their usage is not known. */
const BODY_MAX = 1 << 25

/** Fields of events that hold output. */
const OUTPUT = new Set(['text', 'content', 'partial_json', 'thinking', 'arguments', 'delta', 'reasoning_content', 'refusal'])

/** What reads an answer. */
export interface Meter {
  /** Reads a part of the body that has passed. */
  pass(chunk: Uint8Array): void
  /** Returns what was used, after the whole body. */
  complete(): Usage
  /** Returns what was used if no more of the body comes. */
  abandoned(): Usage
}

/** Returns the meter for an answer. */
export function meterOf(profile: Profile, headers: Headers): Meter {
  const told = usageOfHeaders(profile, headers)
  const type = headers.get('content-type') ?? ''
  if (type.startsWith('text/event-stream')) return new StreamMeter(profile, told)
  if (/^application\/(.*\+)?json/.test(type)) return new JsonMeter(profile, told)
  return { pass: () => {}, complete: () => told, abandoned: () => told }
}

class StreamMeter implements Meter {
  readonly #profile: Profile
  readonly #reader = new SseReader()
  #usage: Usage
  #outputBytes = 0

  constructor(profile: Profile, told: Usage) {
    this.#profile = profile
    this.#usage = told
  }

  pass(chunk: Uint8Array): void {
    for (const { name, data } of this.#reader.push(chunk)) {
      const event = parse(data)
      if (typeof event !== 'object' || event === null) continue
      this.#usage = merged(this.#usage, usageOfEvent(this.#profile, name, event))
      this.#outputBytes += outputBytes(event)
    }
  }

  complete(): Usage {
    return this.#usage
  }

  /** The provider counts output at the end. Until then, a quarter of the bytes that have passed is the best estimate. */
  abandoned(): Usage {
    const output = Math.max(this.#usage.output ?? 0, Math.ceil(this.#outputBytes / 4))
    return { ...this.#usage, output }
  }
}

class JsonMeter implements Meter {
  readonly #profile: Profile
  readonly #told: Usage
  #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(profile: Profile, told: Usage) {
    this.#profile = profile
    this.#told = told
  }

  pass(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes <= BODY_MAX) this.#chunks.push(chunk.slice()) // the reader may change its chunk
    else this.#chunks = []
  }

  complete(): Usage {
    const decoder = new TextDecoder()
    const text = this.#chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('')
    return merged(this.#told, usageOfBody(this.#profile, parse(text)))
  }

  /** The answer was complete before its first byte came, but what it used was not read. */
  abandoned(): Usage {
    return this.#told
  }
}

/** The bytes of output in an event: those of `delta`, `choices` and `candidates`. */
function outputBytes(event: object): number {
  const { delta, choices, candidates } = event as Record<string, unknown>
  return textBytes(typeof delta === 'string' ? { delta } : delta) + textBytes(choices) + textBytes(candidates)
}

function textBytes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return Object.entries(value).reduce((sum, [field, part]) => {
    if (typeof part === 'string') return sum + (OUTPUT.has(field) ? byteLength(part) : 0)
    return sum + textBytes(part)
  }, 0)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
