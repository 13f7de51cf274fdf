// SPDX-License-Identifier: AGPL-3.0-or-later
/** Archives in memory, also such as no honest program writes. */
import {
  encodeTarHeader,
  TAR_END_BYTES,
  type TarEntry,
  tarPaddingBytes,
} from '../../src/base/base.ts'

export const AT_2020 = { seconds: 1_600_000_000, nanoseconds: 0 }

export function tarFile(path: string, content: string | Uint8Array): Buffer {
  return tarEntry({ kind: 'file', path }, Buffer.from(content))
}

export function tarEntry(
  entry: Pick<TarEntry, 'kind' | 'path'> & Partial<TarEntry>,
  content: Uint8Array = Buffer.alloc(0),
): Buffer {
  const sizeBytes = content.length
  const head = encodeTarHeader({
    mode: 0o644,
    modifiedAt: AT_2020,
    target: '',
    sizeBytes,
    ...entry,
  })
  return Buffer.concat([head, content, Buffer.alloc(tarPaddingBytes(sizeBytes))])
}

/** A header of any type, with contents behind it. */
export function rawEntry(type: string, name: string | Uint8Array, content = ''): Buffer {
  const block = tarEntry({ kind: 'file', path: 'x' }, Buffer.from(content))
  block.fill(0, 0, 100)
  Buffer.from(name).copy(block, 0)
  block.write(type, 156, 'latin1')
  return sealed(block)
}

/** With the checksum that its header should have. */
export function sealed(block: Buffer): Buffer {
  block.fill(0x20, 148, 156)
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

export function archiveOf(...entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(TAR_END_BYTES)])
}
