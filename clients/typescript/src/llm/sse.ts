/** Reads server-sent events from chunks of bytes, whatever the chunks are. */

/** An event. */
export interface SseEvent {
  /** Empty if it has none. */
  readonly name: string
  readonly data: string
}

/** The longest event that is read. Longer ones pass, and are not read. */
const EVENT_MAX = 1 << 22

/** Collects bytes and yields whole events. */
export class SseReader {
  readonly #decoder = new TextDecoder()
  #text = ''

  /** Adds bytes, and returns the events that are complete now. */
  push(chunk: Uint8Array): SseEvent[] {
    this.#text += this.#decoder.decode(chunk, { stream: true })
    const events: SseEvent[] = []
    for (let end = this.#end(); end; end = this.#end()) {
      const event = parse(this.#text.slice(0, end.at))
      if (event) events.push(event)
      this.#text = this.#text.slice(end.next)
    }
    if (this.#text.length > EVENT_MAX) this.#text = ''
    return events
  }

  /** Returns where the first event ends: at an empty line. */
  #end(): { at: number; next: number } | null {
    const found = /\r?\n\r?\n|\r\r/.exec(this.#text)
    return found && { at: found.index, next: found.index + found[0].length }
  }
}

function parse(text: string): SseEvent | null {
  let name = ''
  const data: string[] = []
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, field, value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
    if (field === 'event') name = value
    else if (field === 'data') data.push(value)
  }
  return data.length > 0 ? { name, data: data.join('\n') } : null
}
