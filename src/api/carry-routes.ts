// SPDX-License-Identifier: AGPL-3.0-or-later
/** CAR files for the owner, over the control socket. */
import type { CID } from 'multiformats/cid'
import { parseCid } from '../base/base.ts'
import { endpoints, type Imported, type Visibility } from '../contract/contract.ts'
import { type HttpServer, RawAnswer, streamOf } from './http-server.ts'
import { itemOf } from './item-facts.ts'
import type { ApiItems } from './item-ports.ts'

/** What became of a root of a CAR. */
export type ApiLanding =
  | { kind: 'item'; item: { cid: CID } }
  | { kind: 'incomplete'; cid: CID; missingCount: number; isMore: boolean }
  | { kind: 'unsupported'; cid: CID; reason: string }
  | { kind: 'refused'; cid: CID }

export type ApiCarReport = Pick<
  Imported,
  'blocksCount' | 'wrongCount' | 'foreignCount' | 'refusedCount'
> & { roots: readonly ApiLanding[]; problem: string | undefined }

/** The slice of content that carries. */
export interface ApiCarrying {
  /** Throws at once when something is not here. */
  exportCar(cids: readonly CID[], signal: AbortSignal): AsyncIterable<Uint8Array>
  importCar(
    car: AsyncIterable<Uint8Array>,
    options: { visibility: Visibility; signal: AbortSignal },
  ): Promise<ApiCarReport>
}

export function serveCarrying(
  server: HttpServer,
  { items, carrying }: { items: Pick<ApiItems, 'list' | 'get'>; carrying: ApiCarrying },
): void {
  server.serve(endpoints.exportItems, async ({ body, signal }) => {
    const whole = items.list().filter(({ isWhole }) => isWhole)
    const cids = body.isAll ? whole.map(({ cid }) => cid) : body.cids.map((text) => parseCid(text))
    return new RawAnswer('application/vnd.ipld.car', streamOf(carrying.exportCar(cids, signal)))
  })
  server.serve(endpoints.importItems, async ({ query, bytes, signal }) =>
    importedOf(items, await carrying.importCar(bytes, { ...query, signal })),
  )
}

function importedOf(
  items: Pick<ApiItems, 'get'>,
  { roots, problem, ...counts }: ApiCarReport,
): Imported {
  const imported: Imported = {
    items: [],
    incomplete: [],
    unsupported: [],
    refused: [],
    ...counts,
    problem: problem ?? null,
  }
  for (const root of roots) {
    if (root.kind === 'item') {
      const item = items.get(root.item.cid)
      // Undefined: it was removed in this very moment.
      if (item !== undefined) imported.items.push(itemOf(item))
      continue
    }
    const cid = root.cid.toString()
    if (root.kind === 'refused') imported.refused.push(cid)
    else if (root.kind === 'unsupported') imported.unsupported.push({ cid, reason: root.reason })
    else {
      const { missingCount, isMore } = root
      imported.incomplete.push({ cid, missingCount, isMore })
    }
  }
  return imported
}
