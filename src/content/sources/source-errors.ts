// SPDX-License-Identifier: AGPL-3.0-or-later
/** What can be wrong with a folder or an archive that is read. */
import { CodedError, errorCode } from '../../base/base.ts'
import { shownPath } from '../unixfs/unixfs.ts'

export function archiveDamaged(what: string): CodedError {
  return new CodedError('CONTENT_ARCHIVE_DAMAGED', `The archive cannot be read: ${what}.`, {
    advice: 'It must be an uncompressed tar archive: pack or copy it anew.',
  })
}

export function archiveUnsupported(path: string, what: string, advice: string): CodedError {
  return new CodedError(
    'CONTENT_ARCHIVE_UNSUPPORTED',
    `The archive has a ${what} in it, ${shownPath(path)}, which cannot be kept.`,
    { context: { path: shownPath(path) }, advice },
  )
}

export function fileChanged(path: string): CodedError {
  return new CodedError('FILE_CHANGED', `${shownPath(path)} changed while it was read.`, {
    context: { path: shownPath(path) },
    advice: 'Add it again when nothing writes to it.',
  })
}

/** The caller and the node do not mean the same file by this path. */
export function notSame(path: string): CodedError {
  return new CodedError('FILE_NOT_SAME', `The node sees something else at ${shownPath(path)}.`, {
    context: { path: shownPath(path) },
    advice:
      'It may have been replaced just now, or the node may live apart, as with a /tmp of its own: ' +
      'name the file where the node sees it, or add it without --reference.',
  })
}

/** A failure of the file system, in words; what is no such failure comes back as it is. */
export function readError(path: string, thrown: unknown): unknown {
  if (thrown instanceof CodedError) return thrown
  const code = errorCode(thrown)
  const options = { cause: thrown, context: { path: shownPath(path), errno: code } }
  switch (code) {
    case 'ENOTDIR':
      return new CodedError('FILE_NOT_FOLDER', `${shownPath(path)} is not a folder.`, options)
    case 'ENOENT':
    case 'ELOOP':
      return new CodedError('FILE_NOT_FOUND', `${shownPath(path)} is not there.`, {
        ...options,
        advice: 'Check the path; if something removed it meanwhile, add the folder again.',
      })
    case 'EACCES':
    case 'EPERM':
      return new CodedError('FILE_FORBIDDEN', `${shownPath(path)} may not be read.`, {
        ...options,
        advice: 'Make it readable for the node’s user, or leave out what cannot be read.',
      })
    case 'EIO':
      return new CodedError('FILE_UNREADABLE', `The disk cannot read ${shownPath(path)}.`, {
        ...options,
        advice: 'The disk may be failing: save what can still be read.',
      })
    default:
      return thrown
  }
}
