/** Passes an answer on, byte for byte and chunk for chunk, while a meter reads along. */

import type { Meter } from './meter.js'

/** How an answer ended. */
export type Ending = 'complete' | 'abandoned' | 'broken'

/** Ends the reservations of answers that nobody reads and that are collected as garbage. */
const unread = new FinalizationRegistry<() => void>((end) => end())

/**
 * Returns the same answer with a body that is metered. `end` is called once: when the body is read to its end, when the reader
 * gives up or aborts, or when the connection breaks.
 */
export function passing(response: Response, meter: Meter, signal: AbortSignal | null, end: (how: Ending) => void): Response {
  let isOver = false
  const over = (how: Ending) => {
    if (!isOver) end(how)
    isOver = true
  }
  if (!response.body) {
    over('complete')
    return response
  }
  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) {
            controller.close()
            over('complete')
          } else {
            controller.enqueue(value)
            meter.pass(value)
          }
        } catch (error) {
          controller.error(error)
          over(signal?.aborted ? 'abandoned' : 'broken')
        }
      },
      cancel(reason) {
        over('abandoned')
        return reader.cancel(reason)
      }
    },
    { highWaterMark: 0 }
  )
  unread.register(body, () => over('abandoned'))
  const { status, statusText, headers, url } = response
  const passed = new Response(body, { status, statusText, headers })
  return Object.defineProperty(passed, 'url', { value: url })
}
