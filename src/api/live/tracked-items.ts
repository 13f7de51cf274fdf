// SPDX-License-Identifier: AGPL-3.0-or-later
/** The same items, with every addition and fetch told to the registry of transfers. */
import type { ApiAdded, ApiFetchReport, ApiItem, ApiItems } from '../item-ports.ts'
import type { TransferEnd, Transfers } from './transfers.ts'

export function trackedItems(items: ApiItems, transfers: Transfers): ApiItems {
  return {
    ...passedOn(items),
    addFile: (bytes, options) => {
      return adding(transfers, options, (more) => items.addFile(bytes, { ...options, ...more }))
    },
    addArchive: (archive, options) => {
      return adding(transfers, options, (more) => {
        return items.addArchive(archive, { ...options, ...more })
      })
    },
    addReference: (path, options) => {
      return adding(transfers, options, (more) => items.addReference(path, { ...options, ...more }))
    },
    addCopy: (path, options) => {
      return adding(transfers, options, (more) => items.addCopy(path, { ...options, ...more }))
    },
    fetch: (cid, options) => {
      const begin = {
        kind: 'fetch',
        cid: cid.toString(),
        name: '',
        signal: options.signal,
      } as const
      return transfers.run(
        begin,
        (signal, onProgress) => {
          const both: typeof options.onProgress = (received, total) => {
            onProgress(received, total)
            options.onProgress(received, total)
          }
          return items.fetch(cid, { ...options, signal, onProgress: both })
        },
        {
          endOf: ({ item, report, place }) => ({
            ...nameAndCid(item),
            receivedBytes: place.sizeBytes ?? item.sizeBytes,
            from: giversOf(report),
          }),
          fromOf: (thrown) => giversOf(items.reportOf(thrown)),
        },
      )
    },
  }
}

/** What moves nothing. Each by itself: the items may be an object with a state of its own. */
function passedOn(
  items: ApiItems,
): Omit<ApiItems, 'addFile' | 'addArchive' | 'addReference' | 'addCopy' | 'fetch'> {
  return {
    list: () => items.list(),
    page: (question) => items.page(question),
    totals: () => items.totals(),
    get: (cid) => items.get(cid),
    change: (cid, changes) => items.change(cid, changes),
    publish: (cid) => items.publish(cid),
    withdraw: (cid, options) => items.withdraw(cid, options),
    remove: (cid, options) => items.remove(cid, options),
    // A moment's work, as a rule: a megabyte or so of a film.
    fetchPart: (cid, options) => items.fetchPart(cid, options),
    place: (cid, path, signal) => items.place(cid, path, signal),
    entries: (folder, signal) => items.entries(folder, signal),
    archive: (folder, options) => items.archive(folder, options),
    openBytes: (file, range) => items.openBytes(file, range),
    reportOf: (thrown) => items.reportOf(thrown),
  }
}

interface Adding {
  name: string
  signal: AbortSignal
  onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void
}

function adding(
  transfers: Transfers,
  { name, signal: outer, onProgress }: Adding,
  work: (more: Required<Pick<Adding, 'signal' | 'onProgress'>>) => Promise<ApiAdded>,
): Promise<ApiAdded> {
  return transfers.run(
    { kind: 'add', cid: null, name, signal: outer },
    (signal, progress) => {
      const both: NonNullable<Adding['onProgress']> = (received, total) => {
        progress(received, total)
        onProgress?.(received, total)
      }
      return work({ signal, onProgress: both })
    },
    {
      endOf: ({ item }) => ({ ...nameAndCid(item), receivedBytes: item.sizeBytes }),
      fromOf: () => [],
    },
  )
}

function nameAndCid({ cid, name, title }: ApiItem): Pick<TransferEnd, 'cid' | 'name'> {
  return { cid: cid.toString(), name: title === '' ? name : title }
}

/** Who brought at least a byte, each once. */
function giversOf(report: ApiFetchReport | undefined): string[] {
  const gave = (report?.attempts ?? []).filter(({ fromBytes, toBytes }) => toBytes > fromBytes)
  return [...new Set(gave.map(({ peerId }) => peerId))]
}
