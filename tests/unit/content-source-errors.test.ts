// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the file system says is told in words, with the path and what to do. */
import { describe, expect, it } from 'vitest'
import { CodedError } from '../../src/base/base.ts'
import { readError } from '../../src/content/sources/source-errors.ts'

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: syscall failed`), { code })
}

describe('failures of the file system', () => {
  const words: readonly (readonly [string, string, RegExp])[] = [
    ['EACCES', 'FILE_FORBIDDEN', /“\/home\/x” may not be read/],
    ['EPERM', 'FILE_FORBIDDEN', /“\/home\/x” may not be read/],
    ['ENOENT', 'FILE_NOT_FOUND', /“\/home\/x” is not there/],
    ['ELOOP', 'FILE_NOT_FOUND', /“\/home\/x” is not there/],
    ['ENOTDIR', 'FILE_NOT_FOLDER', /“\/home\/x” is not a folder/],
    ['EIO', 'FILE_UNREADABLE', /cannot read “\/home\/x”/],
  ]
  for (const [errno, code, message] of words) {
    it(errno, () => {
      const thrown = failure(errno)
      const error = readError('/home/x', thrown)
      expect(error).toBeInstanceOf(CodedError)
      expect(error).toMatchObject({ code, cause: thrown, message: expect.stringMatching(message) })
    })
  }

  it('of other kinds, and ours, come back as they are', () => {
    const own = new CodedError('ABORTED', 'enough')
    const other = failure('EMFILE')
    expect(readError('/home/x', own)).toBe(own)
    expect(readError('/home/x', other)).toBe(other)
  })
})
