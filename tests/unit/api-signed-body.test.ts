// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkedBody } from '../../src/api/signed-requests.ts'

const PART = Buffer.from('four')

/** What a reader gets of a body of so many parts of which two were signed, and how it ends. */
async function read(partsCount: number): Promise<{ got: string; code: unknown }> {
  const source = async function* () {
    for (let at = 0; at < partsCount; at++) yield PART
  }
  const sha256 = createHash('sha256').update('fourfour').digest()
  let got = ''
  try {
    for await (const chunk of checkedBody(source(), { sizeBytes: 8, sha256 })) got += String(chunk)
    return { got, code: undefined }
  } catch (thrown) {
    return { got, code: thrown instanceof Error && 'code' in thrown ? thrown.code : thrown }
  }
}

describe('the body of a signed request', () => {
  it('is what was signed, or has no end', async () => {
    expect(await read(2)).toEqual({ got: 'fourfour', code: undefined })
    expect(await read(1)).toEqual({ got: 'four', code: 'ACCESS_BODY_OTHER' })
  })

  it('is cut off as soon as it is longer than what was signed', async () => {
    expect(await read(1_000)).toEqual({ got: 'fourfour', code: 'ACCESS_BODY_OTHER' })
  })
})
