// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Which blocks were compared with their hash since the node started. A disk that rots shows it the
 * first time that a block is read; to hash what many fetch again and again would only heat the board.
 */

/** Blocks of one part of the set: 4 KiB of memory each. */
const PART_BLOCKS = 32_768

export class CheckedBlocks {
  readonly #parts = new Map<number, Uint8Array>()

  has(block: number): boolean {
    const part = this.#parts.get(Math.floor(block / PART_BLOCKS))
    const bit = block % PART_BLOCKS
    return part !== undefined && ((part[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0
  }

  add(block: number): void {
    const index = Math.floor(block / PART_BLOCKS)
    const part = this.#parts.get(index) ?? new Uint8Array(PART_BLOCKS / 8)
    this.#parts.set(index, part)
    const bit = block % PART_BLOCKS
    part[bit >> 3] = (part[bit >> 3] ?? 0) | (1 << (bit & 7))
  }
}
