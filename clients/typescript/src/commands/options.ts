/** The options that several calls share, as words and as fields of a body. */

import { milliseconds, type Duration } from '../duration.js'
import type { Lane, Waiting, Word } from './command.js'

/** How a call is made. */
export interface CallOptions {
  /** The longest time until the answer, beyond `wait`. Default: that of the limiter. */
  timeout?: Duration | undefined
  /** The answer of a decision if the server cannot decide. Default: that of the limiter. */
  fail?: 'open' | 'closed' | undefined
  /** Ends the call early. A request that waits leaves its line and takes nothing. */
  signal?: AbortSignal | null | undefined
}

/** How a request waits. */
export interface WaitOptions {
  /** How long the request may wait in line until it is admitted. */
  wait?: Duration | undefined
  /** The lane in which it waits. Default: `normal`. */
  priority?: Lane | undefined
  /** The tenant that the request belongs to. Tenants share a lane by weight. */
  flow?: string | undefined
  /** The weight of the flow, from 1 to 1000. */
  weight?: number | undefined
}

/** Costs by unit. */
export type Costs = Readonly<Record<string, number>>

/** Adds the words of WAIT. Without a wait there are none. */
export function pushWait(words: Word[], { wait, priority, flow, weight }: WaitOptions): Waiting | undefined {
  const ms = wait === undefined ? 0 : milliseconds(wait, 'wait')
  if (ms === 0) return undefined
  const at = words.length
  words.push('WAIT', `${ms}ms`)
  if (priority !== undefined) words.push('PRIORITY', priority.toUpperCase())
  if (flow !== undefined) words.push('FLOW', flow)
  if (flow !== undefined && weight !== undefined) words.push('WEIGHT', String(weight))
  return { ms, lane: priority ?? 'normal', at, end: words.length }
}

/** The fields of a body that say how to wait. */
export function waitFields(waiting: Waiting | undefined, { priority, flow, weight }: WaitOptions): Record<string, unknown> {
  if (!waiting) return {}
  return { wait: `${waiting.ms}ms`, ...present({ priority, flow, weight: flow === undefined ? undefined : weight }) }
}

/** Adds `COST unit n` for each unit. */
export function pushCosts(words: Word[], costs: Costs | undefined): void {
  for (const [unit, cost] of Object.entries(costs ?? {})) words.push('COST', unit, String(cost))
}

/** The field with costs by unit. An empty map is left out. */
export function costField(costs: Costs | undefined): { cost?: Costs } {
  return costs === undefined || Object.keys(costs).length === 0 ? {} : { cost: costs }
}

/** A time in JSON: text, or the number 0. */
export function timeField(word: string): string | number {
  return word === '0' ? 0 : word
}

/** The fields that are not undefined. */
export function present(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
