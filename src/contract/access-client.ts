// SPDX-License-Identifier: AGPL-3.0-or-later
/** The part of the client that is about permissions. */
import { accessEndpoints } from './access-endpoints.ts'
import type { GivenFacts, GiveRequest, GrantFacts, NonceFacts } from './access-schemas.ts'
import type { Call } from './call.ts'

export interface AccessCalls {
  /** What a signed request must name. */
  nonce(signal?: AbortSignal): Promise<NonceFacts>
  grants(signal?: AbortSignal): Promise<readonly GrantFacts[]>
  give(gift: GiveRequest, signal?: AbortSignal): Promise<GivenFacts>
  /** For good, with all that was passed on of it. */
  takeBack(cid: string, signal?: AbortSignal): Promise<GrantFacts>
}

export function accessCalls(call: Call): AccessCalls {
  return {
    nonce: (signal) => call.json(accessEndpoints.nonce, { signal }),
    grants: async (signal) => (await call.json(accessEndpoints.grants, { signal })).grants,
    give: (json, signal) => call.json(accessEndpoints.give, { json, signal }),
    takeBack: async (cid, signal) =>
      (await call.json(accessEndpoints.takeBack, { cid, signal })).grant,
  }
}
