/** The panel's foot: downloads and uploads with their progress. */
import { closeIcon, refreshIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { ITransfer } from './client';
import type { Model } from './model';
import { inBytes, visible } from './words';

export interface ITransfersProps {
  model: Model;
  trans: TranslationBundle;
  onOpen: (path: string) => void;
}

export function Transfers({ model, trans, onOpen }: ITransfersProps): JSX.Element | null {
  if (!model.transfers.length) {
    return null;
  }
  return (
    <ul className="nebulab-galaxy-transfers" aria-label={trans.__('Downloads and uploads')}>
      {[...model.transfers].reverse().map(each => (
        <Line key={each.id} transfer={each} model={model} trans={trans} onOpen={onOpen} />
      ))}
    </ul>
  );
}

function Line({ transfer, model, trans, onOpen }: ITransfersProps & { transfer: ITransfer }): JSX.Element {
  const { kind, label, state, done, total } = transfer;
  const goesOn = state === 'waiting' || state === 'running';
  const share = total ? Math.min(done / total, 1) : undefined;
  const title =
    kind === 'upload' ? trans.__('Upload of %1', visible(label)) : trans.__('Download of %1', visible(label));
  return (
    <li data-state={state} data-kind={kind}>
      <div className="nebulab-galaxy-transfer">
        <span title={title}>{title}</span>
        <small>{wordOf(transfer, trans)}</small>
        {state === 'running' && <progress aria-label={title} value={share} max={share === undefined ? undefined : 1} />}
        {transfer.hint && <small>{transfer.hint}</small>}
      </div>
      {state === 'done' && transfer.path && (
        <button className="nebulab-galaxy-word" onClick={() => onOpen(transfer.path)}>
          {trans.__('Open')}
        </button>
      )}
      {(state === 'failed' || state === 'cancelled') && (
        <button
          aria-label={trans.__('Try %1 again', label)}
          title={trans.__('Try again')}
          onClick={() => void model.client.again(transfer.id)}
        >
          <refreshIcon.react tag="span" width="16px" height="16px" />
        </button>
      )}
      <button
        aria-label={
          goesOn ? trans.__('Cancel the transfer of %1', label) : trans.__('Forget the transfer of %1', label)
        }
        title={goesOn ? trans.__('Cancel') : trans.__('Forget')}
        onClick={() => void model.endTransfer(transfer)}
      >
        <closeIcon.react tag="span" width="16px" height="16px" />
      </button>
    </li>
  );
}

function wordOf({ kind, state, done, total, message, path }: ITransfer, trans: TranslationBundle): string {
  switch (state) {
    case 'waiting':
      return trans.__('waits for its turn');
    case 'running':
      return total ? trans.__('%1 of %2', inBytes(done), inBytes(total)) : inBytes(done);
    case 'done':
      return kind === 'upload' ? trans.__('sent to the history') : trans.__('done: %1', path);
    case 'failed':
      return message;
    case 'cancelled':
      return trans.__('cancelled');
  }
}
