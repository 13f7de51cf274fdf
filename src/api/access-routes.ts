// SPDX-License-Identifier: AGPL-3.0-or-later
/** What signed requests begin with, and what the owner gives and takes back. */
import { endpoints, type GrantFacts } from '../contract/contract.ts'
import type { HttpServer } from './http-server.ts'

/** A permission, as the API tells of it. */
export interface ApiGiven {
  cid: string
  holder: string
  name: string
  command: string
  words: string
  /** Bytes of one request; `null`: no such bound. */
  bytesMax: number | null
  /** Last second, since 1970; `null`: for ever. */
  expires: number | null
  givenAtSeconds: number
  state: GrantFacts['state']
  token: Uint8Array
}

/** The slice of access that the API uses, beside the Guard. */
export interface ApiAccess {
  nonce(): { nonce: Uint8Array; node: string; endsAtSeconds: number }
  give(gift: {
    holder: string
    command: string
    name: string
    expires: number | null
    bytesMax: number | null
  }): ApiGiven
  /** What its giver should know of its end, in words. */
  noteOf(given: ApiGiven): string | undefined
  given(): readonly ApiGiven[]
  takeBack(cid: string): ApiGiven
}

export function serveAccess(server: HttpServer, access: ApiAccess): void {
  server.serve(endpoints.nonce, async () => {
    const { nonce, node, endsAtSeconds } = access.nonce()
    return { nonce: Buffer.from(nonce).toString('base64url'), node, endsAt: endsAtSeconds }
  })
  server.serve(endpoints.grants, async () => ({ grants: access.given().map(grantOf) }))
  server.serve(endpoints.give, async ({ body: { endsAt, ...gift } }) => {
    const given = access.give({ ...gift, expires: endsAt })
    const token = Buffer.from(given.token).toString('base64url')
    return { grant: grantOf(given), note: access.noteOf(given) ?? null, token }
  })
  server.serve(endpoints.takeBack, async ({ params }) => ({
    grant: grantOf(access.takeBack(params.cid)),
  }))
}

function grantOf({ expires, givenAtSeconds, token: _, ...same }: ApiGiven): GrantFacts {
  return {
    ...same,
    givenAt: timeOf(givenAtSeconds),
    endsAt: expires === null ? null : timeOf(expires),
  }
}

/** The last moment that a date can be, for ends beyond it. */
const TIME_MS_MAX = 8.64e15

function timeOf(seconds: number): string {
  return new Date(Math.min(seconds * 1000, TIME_MS_MAX)).toISOString()
}
