/** How much output to reserve: a running p99 of what the calls of a key really produced. */

/** The most calls that are remembered. */
const SAMPLES = 512

/** Calls after which the p99 is computed anew. */
const STEP = 8

/** The output of past calls of a key. */
export class OutputEstimate {
  readonly #samples: number[] = []
  #added = 0
  #p99: number

  /** `first` is what is reserved until the first call has ended. */
  constructor(first: number) {
    this.#p99 = first
  }

  /** Notes what a call produced. */
  add(tokens: number): void {
    this.#samples[this.#added % SAMPLES] = tokens
    this.#added += 1
    if (this.#added < STEP || this.#added % STEP === 0) {
      const sorted = this.#samples.toSorted((a, b) => a - b)
      this.#p99 = sorted[Math.min(sorted.length - 1, Math.floor(0.99 * sorted.length))] ?? tokens
    }
  }

  /** Returns the output to reserve: at most `most`. */
  reserve(most: number): number {
    return Math.min(most, this.#p99)
  }
}
