// SPDX-License-Identifier: AGPL-3.0-or-later
/** A link to hand on: to copy, or to scan. */
import { useId, useRef } from 'preact/hooks'
import { Button, Dialog, QrCode, usePage, usePicture } from '../parts/parts.ts'
import { type AnyItem, isLoopback, isOwnItem, isOwnStatus, shareUrl } from '../state/state.ts'

export function ShareDialog(props: { item: AnyItem; path: string; onClose: () => void }) {
  const { speech, here, notify } = usePage()
  const { say } = speech
  const { item, path } = props
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  const status = usePicture((picture) => picture.status.value)
  const addresses = status !== undefined && isOwnStatus(status) ? status.listenAddresses : []
  const url = shareUrl(here, { cid: item.cid, path }, addresses)
  const copy = (): void => {
    field.current?.select()
    copyText(url).then(
      (isCopied) => notify(say(isCopied ? 'share.copied' : 'share.notCopied')),
      () => notify(say('share.notCopied')),
    )
  }
  return (
    <Dialog title={say('share.title')} onClose={props.onClose}>
      <div class="form share">
        {isOwnItem(item) && item.visibility === 'private' ? (
          <p class="note warning">{say('share.private')}</p>
        ) : (
          <p class="soft">{say('share.text')}</p>
        )}
        {isLoopback(new URL(url).hostname) ? (
          <p class="note warning">{say('share.loopback')}</p>
        ) : null}
        <QrCode text={url} label={say('share.code')} />
        <div class="field">
          <label for={id}>{say('share.link')}</label>
          <input
            ref={field}
            id={id}
            type="text"
            readOnly
            value={url}
            onFocus={({ currentTarget }) => currentTarget.select()}
          />
        </div>
        <Button kind="main" onClick={copy}>
          {say('share.copy')}
        </Button>
      </div>
    </Dialog>
  )
}

/**
 * The clipboard is there on https and localhost alone, and a node on the LAN is neither: the old
 * command copies what is selected, anywhere.
 */
async function copyText(text: string): Promise<boolean> {
  // Typed as always there, which it is not.
  const clipboard: Clipboard | undefined = navigator.clipboard
  if (clipboard === undefined) return document.execCommand('copy')
  await clipboard.writeText(text)
  return true
}
