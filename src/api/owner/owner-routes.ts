// SPDX-License-Identifier: AGPL-3.0-or-later
/** The owner's links to the page: on the control socket alone. */
import { endpoints } from '../../contract/contract.ts'
import type { HttpServer } from '../http-server.ts'

export interface OwnerLinks {
  /** With the token in them: secrets. */
  links(): readonly string[]
  /** Makes a new token; the old one is worth nothing then. */
  renew(): Promise<void>
}

export function serveOwnerLinks(server: HttpServer, owner: OwnerLinks): void {
  server.serve(endpoints.ownerLinks, async () => ({ links: owner.links() }))
  server.serve(endpoints.renewOwnerLinks, async () => {
    await owner.renew()
    return { links: owner.links() }
  })
}
