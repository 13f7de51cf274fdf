// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A dialog of the browser's own: it holds the focus, closes with Escape, and gives the focus back
 * to where it was.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { IconButton } from './buttons.tsx'
import { usePage } from './context.ts'

export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const { say } = usePage().speech
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  const close = useRef(props.onClose)
  close.current = props.onClose
  useEffect(() => {
    const { current } = dialog
    const before = document.activeElement
    if (current !== null && !current.open) current.showModal()
    // The dialog itself is what is hit beside its content; by keyboard Escape does the same.
    const hit = (event: Event): void => {
      if (event.target === current) close.current()
    }
    current?.addEventListener('click', hit)
    return () => {
      current?.removeEventListener('click', hit)
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault()
        props.onClose()
      }}
    >
      <div class="dialog-body">
        <div class="card-head">
          <h2 id={heading} tabIndex={-1}>
            {props.title}
          </h2>
          <IconButton icon="close" label={say('close')} onClick={props.onClose} />
        </div>
        {props.children}
      </div>
    </dialog>
  )
}
