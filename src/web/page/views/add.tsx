// SPDX-License-Identifier: AGPL-3.0-or-later
/** Adding files: by a button, or by dropping them anywhere on the page. Private unless said. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Visibility } from '../../../contract/contract.ts'
import { FILES_MAX } from '../limits.ts'
import { Dialog, IconButton, Name, shortened, usePage, usePicture } from '../parts/parts.ts'
import { DialogForm, VisibilityChoice } from './form.tsx'
import { NO_TEXTS, TextFields, type Texts } from './texts.tsx'

export function AddButton() {
  const { say } = usePage().speech
  const input = useRef<HTMLInputElement>(null)
  const [files, setFiles] = useState<readonly File[]>([])
  return (
    <>
      <label class="button main file-button">
        <input
          ref={input}
          type="file"
          multiple
          onChange={({ currentTarget }) => {
            setFiles([...(currentTarget.files ?? [])])
            // So that the same file can be chosen again.
            currentTarget.value = ''
          }}
        />
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 5v14M5 12h14" />
        </svg>
        <span>{say('add.button')}</span>
      </label>
      {files.length === 0 ? null : <AddDialog files={files} onClose={() => setFiles([])} />}
    </>
  )
}

/** The whole window takes files, but of the owner only. */
export function DropZone() {
  const { speech, notify, go } = usePage()
  const { say } = speech
  const isOwner = usePicture((picture) => picture.role === 'owner')
  const [isOver, setOver] = useState(false)
  const [files, setFiles] = useState<readonly File[]>([])
  useEffect(() => {
    if (!isOwner) return undefined
    // Enter and leave come for each element on the way; only the outermost counts.
    let depth = 0
    const hasFiles = (event: DragEvent): boolean => !!event.dataTransfer?.types.includes('Files')
    const over = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault()
    }
    const enter = (event: DragEvent): void => {
      if (hasFiles(event)) setOver(++depth > 0)
    }
    const leave = (event: DragEvent): void => {
      if (hasFiles(event)) setOver(--depth > 0)
    }
    const drop = (event: DragEvent): void => {
      if (!hasFiles(event)) return
      event.preventDefault()
      depth = 0
      setOver(false)
      const dropped = filesOf(event)
      if (dropped.hasFolder) notify(say('add.folders'))
      setFiles(dropped.files)
      if (dropped.files.length > 0) go('#/items')
    }
    const end = new AbortController()
    addEventListener('dragover', over, { signal: end.signal })
    addEventListener('dragenter', enter, { signal: end.signal })
    addEventListener('dragleave', leave, { signal: end.signal })
    addEventListener('drop', drop, { signal: end.signal })
    return () => end.abort()
  }, [isOwner, speech])
  if (files.length > 0) return <AddDialog files={files} onClose={() => setFiles([])} />
  return isOver ? (
    <div class="drop" aria-hidden="true">
      <span>{say('add.drop')}</span>
    </div>
  ) : null
}

/** A folder comes as a file that cannot be read: told apart before it is one. */
function filesOf(event: DragEvent): { files: readonly File[]; hasFolder: boolean } {
  const items = [...(event.dataTransfer?.items ?? [])].filter(({ kind }) => kind === 'file')
  const isFolder = (item: DataTransferItem): boolean => !!item.webkitGetAsEntry()?.isDirectory
  const files = items.filter((item) => !isFolder(item)).map((item) => item.getAsFile())
  return {
    files: files.filter((file) => file !== null),
    hasFolder: items.some(isFolder),
  }
}

function AddDialog(props: { files: readonly File[]; onClose: () => void }) {
  const { session, speech } = usePage()
  const { say, figures } = speech
  const [files, setFiles] = useState(props.files)
  const [visibility, setVisibility] = useState<Visibility>('private')
  const [texts, setTexts] = useState<Texts>({ ...NO_TEXTS, name: props.files[0]?.name ?? '' })
  const isOfOne = files.length === 1
  const isTooMany = files.length > FILES_MAX
  const send = (): void => {
    for (const file of files) {
      const { name, title, ...rest } = texts
      const own = isOfOne ? { name: name || file.name, title } : { name: file.name, title: '' }
      session.add(file, { kind: 'upload', totalBytes: file.size, visibility, ...rest, ...own })
    }
    props.onClose()
  }
  return (
    <Dialog title={say('add.title', { count: files.length })} onClose={props.onClose}>
      <DialogForm
        send={say('add.send')}
        isBusy={isTooMany || files.length === 0}
        onSend={send}
        onCancel={props.onClose}
      >
        {isTooMany ? <p class="wrong">{say('add.tooMany', { count: FILES_MAX })}</p> : null}
        <ul class="files">
          {files.slice(0, FILES_MAX).map((file, index) => (
            <li key={`${index} ${file.name}`}>
              <span class="what">
                <Name text={file.name} />
                <span class="soft">{figures.bytes(file.size)}</span>
              </span>
              {isOfOne ? null : (
                <IconButton
                  icon="close"
                  label={say('add.fileRemoved', { name: shortened(file.name) })}
                  onClick={() => setFiles(files.filter((other) => other !== file))}
                />
              )}
            </li>
          ))}
        </ul>
        <VisibilityChoice value={visibility} onChange={setVisibility} />
        <details>
          <summary>{say('add.more')}</summary>
          <TextFields texts={texts} onChange={setTexts} isOfOne={isOfOne} />
        </details>
      </DialogForm>
    </Dialog>
  )
}
