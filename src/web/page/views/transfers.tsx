// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What is on its way: the node's own list, and what this page set going. The same thing stands
 * there once; what this page began can be called off, what failed can be tried again.
 */
import {
  Button,
  Card,
  IconButton,
  Name,
  Progress,
  sayTrouble,
  shortCid,
  useListening,
  usePage,
  usePicture,
} from '../parts/parts.ts'
import { formatRoute, type Job, type SeenTransfer, troubleOf } from '../state/state.ts'
import type { Speech } from '../words/words.ts'

interface Row {
  key: string
  name: string
  state: Job['state']
  doneBytes: number
  totalBytes: number | undefined
  bytesPerSecond: number | undefined
  fromCount: number
  cid: string | undefined
  trouble: string | undefined
  /** What this page set going. */
  job: Job | undefined
  /** Of the node's own list. */
  transferId: number | undefined
  isFetch: boolean
}

export function TransferRows({ id, onlyRunning = false }: { id: string; onlyRunning?: boolean }) {
  const { session, speech } = usePage()
  const { say } = speech
  const transfers = usePicture((picture) => picture.transfers.value ?? [])
  const jobs = useListening(session.jobs, () => session.jobs.all)
  const rows = rowsOf(transfers, jobs, speech)
  const shown = onlyRunning ? rows.filter(isUnderWay) : rows
  if (shown.length === 0) return null
  const title = shown.some(isUnderWay) ? 'transfers.title' : 'transfers.recent'
  return (
    <Card id={id} title={say(title)}>
      <ul class="rows transfers">
        {shown.map((row) => (
          <TransferRow key={row.key} row={row} />
        ))}
      </ul>
    </Card>
  )
}

function isUnderWay({ state }: Row): boolean {
  return state === 'running' || state === 'waiting'
}

function TransferRow({ row }: { row: Row }) {
  const { speech } = usePage()
  const { say } = speech
  return (
    <li class="row transfer">
      <span class="what">
        <Name text={row.name || say('transfers.nameless')} />
        <span class="soft">{wordsOf(row, speech)}</span>
        {isUnderWay(row) ? (
          <Progress
            share={row.totalBytes === undefined ? undefined : row.doneBytes / (row.totalBytes || 1)}
            label={row.name || say('transfers.nameless')}
          />
        ) : null}
        {row.trouble === undefined ? null : <span class="wrong">{row.trouble}</span>}
      </span>
      <TransferActions row={row} />
    </li>
  )
}

function TransferActions({ row }: { row: Row }) {
  const { session, speech, notify } = usePage()
  const { say } = speech
  const { job, cid } = row
  const stop = ({ job, transferId }: Row): void => {
    if (job !== undefined) session.jobs.stop(job.id)
    else if (transferId !== undefined) {
      session.client.stopTransfer(transferId).catch((error: unknown) => {
        notify(sayTrouble(speech, troubleOf(error)))
      })
    }
  }
  const canRetry = row.state === 'failed' || row.state === 'stopped'
  return (
    <span class="actions">
      {row.state === 'done' && cid !== undefined ? (
        <a class="button quiet" href={formatRoute({ view: 'item', cid, path: '' })}>
          {say('transfers.open')}
        </a>
      ) : null}
      {isUnderWay(row) ? (
        <Button kind="quiet" onClick={() => stop(row)}>
          {say('transfers.cancel')}
        </Button>
      ) : null}
      {canRetry && job !== undefined ? (
        <Button kind="quiet" onClick={() => session.jobs.retry(job.id)}>
          {say('transfers.retry')}
        </Button>
      ) : null}
      {canRetry && job === undefined && row.isFetch && cid !== undefined ? (
        <Button
          kind="quiet"
          onClick={() =>
            session.fetch({ kind: 'fetch', cid, path: '', visibility: 'private', isKept: false })
          }
        >
          {say('transfers.retry')}
        </Button>
      ) : null}
      {job !== undefined && !isUnderWay(row) ? (
        <IconButton
          icon="close"
          label={say('transfers.dismiss')}
          onClick={() => session.jobs.dismiss(job.id)}
        />
      ) : null}
    </span>
  )
}

function wordsOf(row: Row, { say, figures }: Speech): string {
  const parts = [say(`transfers.${row.state}`)]
  if (row.state !== 'waiting') {
    const done = figures.bytes(row.doneBytes)
    parts.push(
      row.totalBytes === undefined
        ? done
        : say('transfers.of', { done, total: figures.bytes(row.totalBytes) }),
    )
  }
  if (row.state === 'running' && row.bytesPerSecond !== undefined) {
    parts.push(figures.rate(row.bytesPerSecond))
  }
  if (row.fromCount > 0) parts.push(say('transfers.from', { count: row.fromCount }))
  return parts.join(' · ')
}

/** A job of ours is the node's transfer too: by the same CID, or by the same name of an addition. */
function rowsOf(
  transfers: readonly SeenTransfer[],
  jobs: readonly Job[],
  speech: Speech,
): readonly Row[] {
  const matched = new Set<number>()
  const ofJobs = [...jobs].reverse().map((job) => {
    const twin = transfers.find((transfer) => !matched.has(transfer.id) && isTwin(job, transfer))
    if (twin !== undefined) matched.add(twin.id)
    return rowOfJob(job, twin, speech)
  })
  const others = transfers.filter(({ id }) => !matched.has(id)).map(rowOfTransfer)
  return [...ofJobs, ...others].sort((a, b) => Number(isUnderWay(b)) - Number(isUnderWay(a)))
}

function isTwin({ task, cid }: Job, transfer: SeenTransfer): boolean {
  if (task.kind === 'fetch') return transfer.kind === 'fetch' && transfer.cid === task.cid
  if (transfer.kind !== 'add') return false
  return cid === undefined || transfer.cid === null
    ? transfer.name === task.name
    : transfer.cid === cid
}

function rowOfJob(job: Job, twin: SeenTransfer | undefined, speech: Speech): Row {
  const { task, trouble } = job
  const name = task.kind === 'upload' ? task.name : twin?.name || shortCid(task.cid)
  return {
    key: `job ${job.id}`,
    name,
    state: job.state,
    doneBytes: job.doneBytes,
    totalBytes: job.totalBytes,
    bytesPerSecond: twin?.bytesPerSecond ?? undefined,
    fromCount: twin?.from.length ?? 0,
    cid: job.cid ?? (task.kind === 'fetch' ? task.cid : undefined),
    trouble: trouble === undefined ? undefined : sayTrouble(speech, trouble),
    job,
    transferId: twin?.id,
    isFetch: task.kind === 'fetch',
  }
}

function rowOfTransfer(transfer: SeenTransfer): Row {
  const { problem } = transfer
  return {
    key: `transfer ${transfer.id}`,
    name: transfer.name || (transfer.cid === null ? '' : shortCid(transfer.cid)),
    state: transfer.state,
    doneBytes: transfer.receivedBytes,
    totalBytes: transfer.totalBytes ?? undefined,
    bytesPerSecond: transfer.bytesPerSecond ?? undefined,
    fromCount: transfer.from.length,
    cid: transfer.cid ?? undefined,
    trouble:
      problem === null ? undefined : [problem.detail, problem.advice].filter(Boolean).join(' '),
    job: undefined,
    transferId: transfer.id,
    isFetch: transfer.kind === 'fetch',
  }
}
