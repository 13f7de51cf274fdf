// SPDX-License-Identifier: AGPL-3.0-or-later
/** From a root and a path to the CID at its end, by fetching the few folders on the way. */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../../base/base.ts'
import { noSuchPath } from '../errors.ts'
import { sourceOf } from '../library.ts'
import { PATH_BLOCKS_MAX } from '../limits.ts'
import { type BlockReader, resolvePath } from '../unixfs/unixfs.ts'
import type { FetchDeps } from './fetch-deps.ts'
import { emptyReport, type FetchReport } from './fetch-item.ts'
import { HolderBlocks } from './holder-blocks.ts'

/**
 * @param options.report is filled in with what each holder gave, also when it fails.
 * @throws CodedError `CONTENT_NO_SUCH_PATH`, `CONTENT_SYMLINK`, `CONTENT_UNSUPPORTED`; as
 *   {@link HolderBlocks.bring}
 */
export async function fetchPath(
  deps: FetchDeps,
  root: CID,
  path: readonly string[],
  { signal, report = emptyReport() }: { signal: AbortSignal; report?: FetchReport },
): Promise<CID> {
  const blocks = new HolderBlocks(deps, { root, report, signal })
  try {
    return await follow(deps, blocks, { root, path, signal })
  } finally {
    await blocks.close()
  }
}

async function follow(
  deps: FetchDeps,
  blocks: HolderBlocks,
  { root, path, signal }: { root: CID; path: readonly string[]; signal: AbortSignal },
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
        fetched.set(keyOf(found.cid.multihash.digest), await blocks.bring(found.cid))
    }
  }
  throw new CodedError('CONTENT_UNSUPPORTED', 'The folders on this path are too deep.')
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1')
}
