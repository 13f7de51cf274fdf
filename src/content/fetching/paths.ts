// SPDX-License-Identifier: AGPL-3.0-or-later
/** From a root and a path to the CID at its end, by fetching the few folders on the way. */
import type { CID } from 'multiformats/cid'
import { asError, CodedError, errorCode } from '../../base/base.ts'
import { noSuchPath } from '../errors.ts'
import { sourceOf } from '../library.ts'
import { PATH_BLOCKS_MAX } from '../limits.ts'
import { type BlockReader, resolvePath } from '../unixfs/unixfs.ts'
import { type FetchDeps, noteBadPeer } from './fetch-deps.ts'
import { HolderSearch } from './holders.ts'
import { receiveBlock } from './raw-block.ts'

/**
 * @throws CodedError `CONTENT_NO_SUCH_PATH`, `CONTENT_SYMLINK`, `CONTENT_NOT_FOUND`,
 *   `CONTENT_UNSUPPORTED`, or the signal's reason.
 */
export async function fetchPath(
  deps: FetchDeps,
  root: CID,
  path: readonly string[],
  signal: AbortSignal,
): Promise<CID> {
  const fetched = new Map<string, Uint8Array>()
  const local = sourceOf(deps.store)
  const reader: BlockReader = {
    read: async (name) =>
      fetched.get(keyOf(name.digest)) ?? (await local.blocks.read(name, signal)),
  }
  for (let count = 0; count < PATH_BLOCKS_MAX; count++) {
    const found = await resolvePath(reader, root, path, { signal })
    switch (found.kind) {
      case 'found':
        return found.cid.toV1()
      case 'noSuchPath':
        throw noSuchPath(found.segment)
      case 'symlink':
        throw new CodedError('CONTENT_SYMLINK', 'There is a symbolic link at this path.', {
          context: { target: found.target },
          advice: 'Follow it yourself: symbolic links of others are not followed.',
        })
      case 'foreign':
        throw new CodedError('CONTENT_UNSUPPORTED', 'What is at this path is of another kind.')
      case 'missing':
        fetched.set(
          keyOf(found.cid.multihash.digest),
          await fetchBlock(deps, root, found.cid, signal),
        )
    }
  }
  throw new CodedError('CONTENT_UNSUPPORTED', 'The folders on this path are too deep.')
}

async function fetchBlock(
  deps: FetchDeps,
  root: CID,
  cid: CID,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for await (const holder of new HolderSearch(deps, root).holders(signal)) {
    try {
      return await receiveBlock(deps, { holder, cid }, signal)
    } catch (thrown) {
      if (signal.aborted) throw thrown
      if (errorCode(thrown) === 'CONTENT_WRONG_BYTES') {
        noteBadPeer(deps, holder.peerId, asError(thrown).message)
      }
      deps.log.debug('a peer failed to give a block', { error: asError(thrown) })
    }
  }
  signal.throwIfAborted()
  throw new CodedError('CONTENT_NOT_FOUND', 'No connected node has what this path leads through.', {
    context: { root: root.toString() },
    advice: 'Check the content id. Whoever has it must have added it with --public.',
  })
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1')
}
