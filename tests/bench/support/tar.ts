// SPDX-License-Identifier: AGPL-3.0-or-later
/** A tar archive (POSIX ustar) of small files, piece by piece, as `tar -c folder` would write it. */

const BLOCK_BYTES = 512
const FILE_MODE = '0000644'
const FILE_TYPE = '0'

export interface TarFile {
  /** At most 100 bytes, with the folders that it lies in. */
  path: string
  bytes: Uint8Array
}

export function* tarOf(files: Iterable<TarFile>): Generator<Buffer> {
  for (const { path, bytes } of files) {
    const paddingBytes = (BLOCK_BYTES - (bytes.length % BLOCK_BYTES)) % BLOCK_BYTES
    yield Buffer.concat([headerOf(path, bytes.length), bytes, Buffer.alloc(paddingBytes)])
  }
  // Two empty blocks are the end.
  yield Buffer.alloc(2 * BLOCK_BYTES)
}

function headerOf(path: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES)
  header.write(path, 0, 100)
  header.write(FILE_MODE, 100)
  header.write(octal(0), 108)
  header.write(octal(0), 116)
  header.write(sizeBytes.toString(8).padStart(11, '0'), 124)
  header.write('0'.padStart(11, '0'), 136)
  header.write(' '.repeat(8), 148)
  header.write(FILE_TYPE, 156)
  header.write('ustar\0' + '00', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

function octal(value: number): string {
  return value.toString(8).padStart(7, '0')
}
