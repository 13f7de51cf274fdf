// SPDX-License-Identifier: AGPL-3.0-or-later
/** Gives the places what they have: the pieces in `content/`, public, with their texts. */
import { createReadStream, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tarOfFolder } from '../../src/cli/folder-stream.ts'
import type { Client, ItemFacts } from '../../src/contract/contract.ts'
import { LICENCE, type Piece } from './plan.ts'

const CONTENT = fileURLToPath(new URL('content/', import.meta.url))

/** A piece that a place has. */
export interface Placed {
  piece: Piece
  item: ItemFacts
}

export async function addPiece(client: Client, piece: Piece, signal: AbortSignal): Promise<Placed> {
  const path = join(CONTENT, piece.file)
  const { title, language, description } = piece
  const texts = {
    name: basename(path),
    title,
    description,
    licence: LICENCE,
    ...(language === '' ? {} : { language }),
  }
  const isFolder = statSync(path).isDirectory()
  const bytes = isFolder ? tarOfFolder(path, { signal, onSkipped }) : createReadStream(path)
  const { item } = await client.addItem(bytes, {
    ...texts,
    visibility: 'public',
    isArchive: isFolder,
    signal,
  })
  return { piece, item }
}

/** The folders in `content/` hold nothing but files. */
function onSkipped(path: string, reason: string): never {
  throw new Error(`${path} of the sample content cannot be added: ${reason}`)
}
