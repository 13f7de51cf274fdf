// SPDX-License-Identifier: AGPL-3.0-or-later
/** The failures of the content room: what happened, and what to do. */
import type { CID } from 'multiformats/cid'
import { CodedError, errorCode, formatBytes } from '../base/base.ts'

export function notHere(cid: CID): CodedError {
  return new CodedError('CONTENT_NOT_HERE', 'This node does not have that item.', {
    context: { cid: cid.toString() },
    advice: 'Fetch it first: citynode get CID.',
  })
}

export function listChanged(): CodedError {
  return new CodedError('CONTENT_LIST_CHANGED', 'The list has changed at the place to go on.', {
    advice: 'Begin again at its first page.',
  })
}

export function unsupportedCid(cid: CID): CodedError {
  return new CodedError(
    'CONTENT_CID_UNSUPPORTED',
    'This content id is of a kind that citynode does not keep.',
    {
      context: { codec: cid.code, hash: cid.multihash.code },
      advice: 'Files have ids with sha2-256 and the codec raw or dag-pb: bafkrei…, bafybei…, Qm….',
    },
  )
}

/** The item itself is not for us: another holder would give the same. */
export function unsupportedItem(what: string): CodedError {
  return new CodedError('CONTENT_UNSUPPORTED', `citynode cannot keep this item: ${what}.`, {
    advice: 'Ask its publisher for the file itself, added with the profile unixfs-v1-2025.',
  })
}

/** A block that a walk came to is not on this node. Another holder may have it. */
export function blockMissing(cid: CID): CodedError {
  return new CodedError('CONTENT_BLOCK_MISSING', 'A part of the item is not on this node.', {
    context: { cid: cid.toString() },
    advice: 'Fetch the item again: citynode get CID. Only what is missing is transferred.',
  })
}

/** The folders that were verified on the way have no such entry: no other holder could help. */
export function noSuchPath(segment: string): CodedError {
  return new CodedError('CONTENT_NO_SUCH_PATH', 'There is nothing at that path of the item.', {
    context: { segment },
    advice: 'List the folder to see what is in it.',
  })
}

export function tooLarge(sizeBytes: number, limitBytes: number): CodedError {
  return new CodedError(
    'CONTENT_TOO_LARGE',
    `The item is larger than ${formatBytes(limitBytes)}, the largest that a node takes.`,
    { context: { sizeBytes, limitBytes }, advice: 'Split it into several files.' },
  )
}

export function storeFull(cause?: unknown): CodedError {
  return new CodedError('STORE_FULL', 'There is no space left on this node for the item.', {
    cause,
    advice: 'Remove items that you no longer need (citynode rm), or give the node a larger disk.',
  })
}

export function notAFile(shape: 'folder' | 'symlink', target?: string): CodedError {
  return new CodedError(
    'CONTENT_NOT_A_FILE',
    shape === 'folder' ? 'That is a folder, not a file.' : 'That is a symbolic link, not a file.',
    {
      context: { target },
      advice:
        shape === 'folder'
          ? 'Name a file in it, as CID/path/to/it, or take it as a whole.'
          : 'List the folder that it is in to see where it leads.',
    },
  )
}

export function badRange(sizeBytes: number): CodedError {
  return new CodedError('CONTENT_BAD_RANGE', `The file has ${sizeBytes} bytes.`, {
    context: { sizeBytes },
    advice: 'The first byte is byte 0, and the last one is one less than the size.',
  })
}

export function damaged(cause?: unknown): CodedError {
  return new CodedError('CONTENT_DAMAGED', 'Some bytes of the item are missing or wrong.', {
    cause,
    advice: 'Fetch or add the item again, and check the disk or SD card.',
  })
}

/** A file that was added by reference is not what it was. */
export function changed(path: string): CodedError {
  return new CodedError('CONTENT_CHANGED', 'The file was changed after it was added.', {
    context: { path },
    advice: 'Add it again: the changed file has another content id.',
  })
}

/** A file that was added by reference is not there any more. */
export function movedAway(path: string, cause: unknown): CodedError {
  return new CodedError('CONTENT_CHANGED', 'The file was moved or removed after it was added.', {
    cause,
    context: { path },
    advice: 'Put it back, or add it again from where it is now.',
  })
}

/** What a peer sent is not the item: the peer is at fault. */
export function wrongBytes(reason: string, context: Record<string, unknown> = {}): CodedError {
  return new CodedError('CONTENT_WRONG_BYTES', `The peer sent something else: ${reason}.`, {
    context,
  })
}

/** The peer stopped early. It may have been cut off itself. */
export function truncated(receivedBytes: number): CodedError {
  return new CodedError('CONTENT_TRUNCATED', 'The peer stopped before the item was whole.', {
    context: { receivedBytes },
  })
}

export function busy(what: string): CodedError {
  return new CodedError('CONTENT_BUSY', `Too many ${what} are waiting already.`, {
    advice: 'Try again when some of them are done.',
  })
}

/** A failure of the disk, in words; what is not the disk's comes back as it is. */
export function diskError(thrown: unknown): unknown {
  if (thrown instanceof CodedError) return thrown
  const code = errorCode(thrown)
  if (code === 'ENOSPC' || code === 'EDQUOT') return storeFull(thrown)
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new CodedError('STORE_READ_ONLY', 'The data folder cannot be written.', {
      cause: thrown,
      context: { errno: code },
      advice: 'Check that the disk is mounted for writing and that the folder is the node’s own.',
    })
  }
  if (code === 'EIO') {
    return new CodedError('STORE_DISK_ERROR', 'The disk reports an error.', {
      cause: thrown,
      advice: 'The disk or SD card may be failing: save its contents and replace it.',
    })
  }
  return thrown
}

/** Whether bytes could not be read because they are not there any more, or not the same. */
export function isLoss(code: string | undefined): boolean {
  return code === 'CONTENT_DAMAGED' || code === 'CONTENT_CHANGED'
}

/** Whether that is the doing of an owner who has the file elsewhere, and no fault of the disk. */
export function isChange(thrown: unknown): boolean {
  return errorCode(thrown) === 'CONTENT_CHANGED'
}
