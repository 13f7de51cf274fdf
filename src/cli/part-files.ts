// SPDX-License-Identifier: AGPL-3.0-or-later
/** Several files that belong together: all of them are written, or none. */
import { type FileHandle, mkdtemp, open, rename, rm } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { checkTarget, explain, placeNew, syncFolder } from './files.ts'

/**
 * Writes each part beside `path`, and gives them their names when all are complete and on the disk:
 * `path` itself when there is one, else `path` with numbers, `film.001.car` and so on.
 * @returns the paths
 */
export async function writeParts(
  path: string,
  pieces: AsyncIterable<{ part: number; bytes: Uint8Array }>,
  options: { mayOverwrite: boolean },
): Promise<string[]> {
  let folder: string | undefined
  try {
    folder = await mkdtemp(join(dirname(path), '.citynode-'))
    const count = await writeAll(folder, pieces)
    const targets = Array.from({ length: count }, (_, index) => partPath(path, index + 1, count))
    if (!options.mayOverwrite)
      for (const target of targets) await checkTarget(target, { mayOverwrite: false })
    await placeAll(folder, targets, options)
    await syncFolder(dirname(path))
    return targets
  } catch (cause) {
    throw explain(path, cause)
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

/** @returns how many parts there are. */
async function writeAll(
  folder: string,
  pieces: AsyncIterable<{ part: number; bytes: Uint8Array }>,
): Promise<number> {
  let file: FileHandle | undefined
  let count = 0
  const finish = async (): Promise<void> => {
    await file?.sync()
    await file?.close()
    file = undefined
  }
  try {
    for await (const { part, bytes } of pieces) {
      if (part !== count) {
        await finish()
        file = await open(join(folder, String(part)), 'wx')
        count = part
      }
      await file?.appendFile(bytes)
    }
    await finish()
    return count
  } finally {
    // Only after a failure: what it holds is thrown away.
    await file?.close().catch(() => {})
  }
}

async function placeAll(
  folder: string,
  targets: readonly string[],
  { mayOverwrite }: { mayOverwrite: boolean },
): Promise<void> {
  const placed: string[] = []
  try {
    for (const [index, target] of targets.entries()) {
      const temporary = join(folder, String(index + 1))
      if (mayOverwrite) await rename(temporary, target)
      else await placeNew(temporary, target)
      placed.push(target)
    }
  } catch (cause) {
    if (!mayOverwrite) for (const target of placed) await rm(target, { force: true })
    throw cause
  }
}

/** Where a part goes: numbers of three digits sort as they count. */
export function partPath(path: string, part: number, count: number): string {
  if (count === 1) return path
  const ending = extname(path)
  const stem = path.slice(0, path.length - ending.length)
  return `${stem}.${String(part).padStart(3, '0')}${ending}`
}
