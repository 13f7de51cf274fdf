// SPDX-License-Identifier: AGPL-3.0-or-later
/** What can be done with an item: everybody shares, its owner decides. Nothing grave at one touch. */
import { useState } from 'preact/hooks'
import type { ItemFacts } from '../../../contract/contract.ts'
import { Button, Dialog, sayTrouble, usePage } from '../parts/parts.ts'
import { type AnyItem, isOwnItem, troubleOf } from '../state/state.ts'
import type { MessageKey } from '../words/words.ts'
import { DialogForm } from './form.tsx'
import { ShareDialog } from './share.tsx'
import { TextFields, type Texts } from './texts.tsx'

type Asking = 'share' | 'publish' | 'withdraw' | 'remove' | 'edit'

export function ItemActions({ item, path }: { item: AnyItem; path: string }) {
  const { say } = usePage().speech
  const [asking, setAsking] = useState<Asking | undefined>(undefined)
  const close = (): void => setAsking(undefined)
  const own = isOwnItem(item) && path === '' ? item : undefined
  return (
    <>
      <div class="actions item-actions">
        <Button icon="share" onClick={() => setAsking('share')}>
          {say('item.share')}
        </Button>
        {own === undefined ? null : <OwnActions item={own} onAsk={setAsking} />}
      </div>
      {asking === 'share' ? <ShareDialog item={item} path={path} onClose={close} /> : null}
      {asking === 'edit' && own !== undefined ? <EditDialog item={own} onClose={close} /> : null}
      {own !== undefined &&
      (asking === 'publish' || asking === 'withdraw' || asking === 'remove') ? (
        <ConfirmDialog what={asking} item={own} onClose={close} />
      ) : null}
    </>
  )
}

function OwnActions({ item, onAsk }: { item: ItemFacts; onAsk: (asking: Asking) => void }) {
  const { session, speech, notify } = usePage()
  const { say } = speech
  const keep = (): void => {
    session.change(item.cid, { isKept: !item.isKept }).then(
      (changed) => notify(say(changed.isKept ? 'done.kept' : 'done.unkept')),
      (error: unknown) => notify(sayTrouble(speech, troubleOf(error))),
    )
  }
  return (
    <>
      {item.visibility === 'private' ? (
        <Button icon="globe" onClick={() => onAsk('publish')}>
          {say('item.publish')}
        </Button>
      ) : (
        <Button icon="lock" onClick={() => onAsk('withdraw')}>
          {say('item.withdraw')}
        </Button>
      )}
      <Button icon="edit" onClick={() => onAsk('edit')}>
        {say('item.edit')}
      </Button>
      {item.origin === 'fetched' ? (
        <Button onClick={keep}>{say(item.isKept ? 'item.unkeep' : 'item.keep')}</Button>
      ) : null}
      <Button icon="remove" kind="danger" onClick={() => onAsk('remove')}>
        {say('item.remove')}
      </Button>
    </>
  )
}

type Grave = 'publish' | 'withdraw' | 'remove'

const DONE = {
  publish: 'done.published',
  withdraw: 'done.withdrawn',
  remove: 'done.removed',
} as const satisfies Record<Grave, MessageKey>

/** Says what it means before it is done. */
function ConfirmDialog(props: { what: Grave; item: ItemFacts; onClose: () => void }) {
  const { session, speech, notify, go } = usePage()
  const { say } = speech
  const [isBusy, setBusy] = useState(false)
  const [wrong, setWrong] = useState<string | undefined>(undefined)
  const { what, item } = props
  const act = async (): Promise<void> => {
    if (what === 'publish') await session.publish(item.cid)
    if (what === 'withdraw') await session.withdraw(item.cid)
    if (what === 'remove') {
      await session.remove(item.cid)
      go('#/items')
    }
  }
  const send = (): void => {
    setBusy(true)
    act().then(
      () => {
        props.onClose()
        notify(say(DONE[what]))
      },
      (error: unknown) => {
        setBusy(false)
        setWrong(sayTrouble(speech, troubleOf(error)))
      },
    )
  }
  return (
    <Dialog title={say(`confirm.${what}Title`)} onClose={props.onClose}>
      <DialogForm
        send={say(`confirm.${what}`)}
        isDanger={what === 'remove'}
        isBusy={isBusy}
        onSend={send}
        onCancel={props.onClose}
      >
        <p>{say(`confirm.${what}Text`)}</p>
        {wrong === undefined ? null : (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
      </DialogForm>
    </Dialog>
  )
}

function EditDialog({ item, onClose }: { item: ItemFacts; onClose: () => void }) {
  const { session, speech, notify } = usePage()
  const { say } = speech
  const { name, title, description, language, licence } = item
  const [texts, setTexts] = useState<Texts>({ name, title, description, language, licence })
  const [isBusy, setBusy] = useState(false)
  const [wrong, setWrong] = useState<string | undefined>(undefined)
  const send = (): void => {
    setBusy(true)
    session.change(item.cid, { ...texts, name: texts.name || item.name }).then(
      () => {
        onClose()
        notify(say('done.saved'))
      },
      (error: unknown) => {
        setBusy(false)
        setWrong(sayTrouble(speech, troubleOf(error)))
      },
    )
  }
  return (
    <Dialog title={say('edit.title')} onClose={onClose}>
      <DialogForm send={say('save')} isBusy={isBusy} onSend={send} onCancel={onClose}>
        <TextFields texts={texts} onChange={setTexts} isOfOne />
        {wrong === undefined ? null : (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
      </DialogForm>
    </Dialog>
  )
}
