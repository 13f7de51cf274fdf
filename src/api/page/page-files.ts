// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The app as it was built: `index.html`, and `assets/` whose names change with what is in them, each
 * also as `.br` and `.gz` where that is smaller. Only what was there at the start is ever served, by
 * its exact name: nothing that a caller says becomes a path.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../base/base.ts'
import { kindOf } from '../../content/content.ts'
import type { Encoding } from './encodings.ts'

const INDEX_NAME = 'index.html'
const ASSETS_NAME = 'assets'
const SUFFIXES: Readonly<Record<Encoding, string>> = { br: '.br', gzip: '.gz', identity: '' }

export interface PageFile {
  bytes: Uint8Array
  type: string
  encoding: Encoding
  /** Of these bytes in this encoding. */
  etag: string
}

export class PageFiles {
  readonly #folder: string
  /** Paths below the folder. */
  readonly #names: ReadonlySet<string>
  /** Read once: a build is a few hundred kilobytes, and never changes. */
  readonly #read = new Map<string, Promise<PageFile>>()

  /** Use {@link openPageFiles}. */
  constructor(folder: string, names: ReadonlySet<string>) {
    this.#folder = folder
    this.#names = names
  }

  /** @param encodings the best first; the last is `identity`. */
  index(encodings: readonly Encoding[]): Promise<PageFile> {
    return this.#file(INDEX_NAME, encodings)
  }

  /** Undefined for what the build does not have. */
  async asset(name: string, encodings: readonly Encoding[]): Promise<PageFile | undefined> {
    // Not normalized: a name with dots and slashes in it must not become another one's.
    const path = `${ASSETS_NAME}/${name}`
    return this.#names.has(path) ? this.#file(path, encodings) : undefined
  }

  #file(path: string, encodings: readonly Encoding[]): Promise<PageFile> {
    const isThere = (encoding: Encoding): boolean => this.#names.has(path + SUFFIXES[encoding])
    const encoding = encodings.find(isThere) ?? 'identity'
    const key = path + SUFFIXES[encoding]
    const reading = this.#read.get(key) ?? this.#readFile(path, encoding)
    this.#read.set(key, reading)
    // What could not be read now may be readable later.
    reading.catch(() => this.#read.delete(key))
    return reading
  }

  async #readFile(path: string, encoding: Encoding): Promise<PageFile> {
    const bytes = await readFile(join(this.#folder, path + SUFFIXES[encoding]))
    const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
    return { bytes, type: typeOf(path), encoding, etag: `"${hash}"` }
  }
}

/** Undefined where no app was built. @param folder may be missing. */
export async function openPageFiles(folder: string): Promise<PageFiles | undefined> {
  const own = await filesIn(folder)
  if (!own.includes(INDEX_NAME)) return undefined
  const names = [
    ...own,
    ...(await filesIn(join(folder, ASSETS_NAME))).map((name) => `${ASSETS_NAME}/${name}`),
  ]
  return new PageFiles(folder, new Set(names))
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  } catch (thrown) {
    // Nothing was built; or it has no assets.
    if (errorCode(thrown) === 'ENOENT') return []
    throw thrown
  }
}

function typeOf(path: string): string {
  const kind = kindOf(path)
  const isText = kind.startsWith('text/') || kind === 'application/json'
  return isText ? `${kind}; charset=utf-8` : kind
}
