// SPDX-License-Identifier: AGPL-3.0-or-later
/** Sends a file by XMLHttpRequest: no other way of a browser tells how much has gone out. */
import { CodedError } from '../../base/base.ts'
import { ApiProblem, addAnswerSchema, endpoints, problemSchema } from '../../contract/contract.ts'
import type { OwnerKey, Upload, UploadTask } from './state/state.ts'

export function createUpload(key: OwnerKey): Upload {
  return async (file, task, work) => {
    const { status, text } = await send({ file, task, token: key.token, ...work })
    const body = parseJson(text)
    const answer = addAnswerSchema.safeParse(body)
    if (status >= 200 && status < 300 && answer.success) return answer.data
    const problem = problemSchema.safeParse(body)
    if (problem.success) throw new ApiProblem(problem.data)
    throw new CodedError('API_NOT_UNDERSTOOD', 'The answer is not that of a citynode.')
  }
}

interface Sending {
  file: File
  task: UploadTask
  token: string | undefined
  signal: AbortSignal
  onProgress(doneBytes: number, totalBytes: number | undefined): void
}

function send({ file, task, token, signal, onProgress }: Sending): Promise<{
  status: number
  text: string
}> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const broken = (): void =>
      reject(new CodedError('UPLOAD_BROKEN', 'The connection broke off while the file was sent.'))
    request.open(endpoints.addItem.method, `${endpoints.addItem.path}?${queryOf(task)}`)
    request.setRequestHeader('content-type', 'application/octet-stream')
    if (token !== undefined) request.setRequestHeader('authorization', `Bearer ${token}`)
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total)
    request.onload = () => resolve({ status: request.status, text: request.responseText })
    request.onerror = broken
    request.onabort = broken
    signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(file)
  })
}

function queryOf(task: UploadTask): string {
  const { name, visibility, title, description, language, licence } = task
  const said = Object.entries({ name, visibility, title, description, language, licence })
  return new URLSearchParams(
    said.filter((entry): entry is [string, string] => !!entry[1]),
  ).toString()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The schemas refuse it next.
    return undefined
  }
}
