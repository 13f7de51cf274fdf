// SPDX-License-Identifier: AGPL-3.0-or-later
/** Takes a stream of bytes apart at exact places, asking for more only when there is need. */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  /** The rest of the last piece. */
  #piece: Uint8Array = new Uint8Array()

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]()
  }

  /** Exactly `count` bytes, valid until the next call; fewer at the end of the stream. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#piece.length === 0) await this.#refill()
    if (this.#piece.length >= count) return this.#cut(count)
    const taken = new Uint8Array(count)
    let at = 0
    while (at < count && (this.#piece.length > 0 || (await this.#refill()))) {
      const part = this.#cut(count - at)
      taken.set(part, at)
      at += part.length
    }
    return taken.subarray(0, at)
  }

  /** Some bytes, at most `countMax`, none copied; empty at the end of the stream. */
  async some(countMax: number): Promise<Uint8Array> {
    if (this.#piece.length === 0) await this.#refill()
    return this.#cut(countMax)
  }

  /** Whoever gives the bytes may let go of them. */
  async stop(): Promise<void> {
    await this.#iterator.return?.()
  }

  async #refill(): Promise<boolean> {
    for (;;) {
      const next = await this.#iterator.next()
      if (next.done === true) return false
      this.#piece = next.value
      if (this.#piece.length > 0) return true
    }
  }

  #cut(countMax: number): Uint8Array {
    const part = this.#piece.subarray(0, countMax)
    this.#piece = this.#piece.subarray(part.length)
    return part
  }
}
