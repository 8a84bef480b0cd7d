import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ISend, ITraining } from './client';
import { Detail, type IActions } from './detail';
import type { Trainings } from './model';
import { bytes, duration, ICONS, stateInWords } from './words';

/** The list of trainings; what is open shows itself below its row. */
export class TrainingsList extends ReactWidget {
  constructor(
    private readonly _model: Trainings,
    private readonly _actions: IActions,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nebulab-Trainings-body');
  }

  render(): JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => <List model={this._model} actions={this._actions} trans={this._trans} />}
      </UseSignal>
    );
  }
}

interface IProps {
  model: Trainings;
  actions: IActions;
  trans: TranslationBundle;
}

function List({ model, actions, trans }: IProps): JSX.Element {
  const many = [...model.chosen].filter(id => model.list.some(one => one.id === id));
  return (
    <>
      <div className="nebulab-Trainings-bar" role="toolbar" aria-label={trans.__('Trainings')}>
        <button className="jp-mod-styled jp-mod-minimal" onClick={actions.run}>
          {trans.__('Run this notebook…')}
        </button>
        <button className="jp-mod-styled jp-mod-minimal" onClick={() => void model.look()}>
          {trans.__('Refresh')}
        </button>
        <button
          className="jp-mod-styled jp-mod-minimal"
          disabled={many.length < 2}
          title={trans.__('Tick two or more trainings to see them side by side')}
          onClick={() => actions.compare(many)}
        >
          {many.length < 2 ? trans.__('Compare') : trans.__('Compare %1', many.length)}
        </button>
      </div>
      <Message model={model} trans={trans} />
      <ul className="nebulab-Trainings-list" aria-label={trans.__('Trainings, the newest first')}>
        {model.sends.map(send => (
          <Send key={send.id} send={send} model={model} actions={actions} trans={trans} />
        ))}
        {model.list.map(one => (
          <Training key={one.id} one={one} model={model} actions={actions} trans={trans} />
        ))}
      </ul>
    </>
  );
}

function Message({ model, trans }: { model: Trainings; trans: TranslationBundle }): JSX.Element | null {
  if (model.trouble) {
    return (
      <p className="nebulab-Trainings-message nebulab-mod-trouble" role="status">
        {model.trouble}
      </p>
    );
  }
  if (!model.hasHistory) {
    return (
      <p className="nebulab-Trainings-message">
        {trans.__('This session belongs to no history of Galaxy, so nothing can be sent to a cluster.')}
      </p>
    );
  }
  if (!model.isLoaded) {
    return <p className="nebulab-Trainings-message">{trans.__('Galaxy is asked …')}</p>;
  }
  if (!model.list.length && !model.sends.length) {
    return (
      <p className="nebulab-Trainings-message">
        {trans.__(
          'Nothing was sent from this history yet. Open a notebook and choose “Run on the cluster” in its toolbar: it then runs as a job of Galaxy, and you can close this page.'
        )}
      </p>
    );
  }
  return null;
}

/** A state as a coloured picture and a word. */
export function StateMark({ state, trans }: { state: ITraining['state']; trans: TranslationBundle }): JSX.Element {
  const Icon = ICONS[state].react;
  return (
    <span className={`nebulab-State nebulab-mod-${state.replace(' ', '-')}`}>
      <Icon tag="span" width="14px" height="14px" aria-hidden="true" />
      {stateInWords(state, trans)}
    </span>
  );
}

function Send({ send, model, actions, trans }: { send: ISend } & IProps): JSX.Element {
  const isOpen = send.state === 'not sent' || model.openId === send.id;
  const known = send.total !== null && send.total > 0;
  return (
    <li className="nebulab-Training">
      <div className="nebulab-Training-row">
        <span className="nebulab-Training-name" title={send.name}>
          {send.name}
        </span>
        <StateMark state={send.state} trans={trans} />
      </div>
      {send.state === 'sending' && (
        <div className="nebulab-Training-line" role="status">
          <progress
            aria-label={trans.__('Upload of %1', send.file || send.name)}
            max={known ? send.total! : undefined}
            value={known ? send.done : undefined}
          />
          <span>
            {known
              ? trans.__('%1: %2 of %3', send.file, bytes(send.done), bytes(send.total!))
              : trans.__('Preparing what is sent …')}
          </span>
        </div>
      )}
      {isOpen && send.message && (
        <p className="nebulab-Training-failure" role="alert">
          {send.message} {send.hint}
        </p>
      )}
      <div className="nebulab-Training-actions">
        <button className="jp-mod-styled jp-mod-minimal" onClick={() => void actions.cancel(send.id, send.name, false)}>
          {send.state === 'sending' ? trans.__('Stop') : trans.__('Take away')}
        </button>
      </div>
    </li>
  );
}

function Training({ one, model, actions, trans }: { one: ITraining } & IProps): JSX.Element {
  const isOpen = model.openId === one.id;
  const row = React.useRef<HTMLLIElement>(null);
  React.useEffect(() => {
    if (isOpen) {
      row.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [isOpen]);
  const name = one.name || trans.__('(asking Galaxy for its name …)');
  return (
    <li className="nebulab-Training" ref={row} data-training={one.id} data-state={one.state}>
      <div className="nebulab-Training-row">
        <input
          type="checkbox"
          checked={model.chosen.has(one.id)}
          aria-label={trans.__('Choose %1 for a comparison', name)}
          onChange={event => model.choose(one.id, event.currentTarget.checked)}
        />
        <button
          className="nebulab-Training-open"
          aria-expanded={isOpen}
          title={name}
          onClick={() => model.open(isOpen ? '' : one.id)}
        >
          <span className="nebulab-Training-name">{name}</span>
          <StateMark state={one.state} trans={trans} />
        </button>
      </div>
      <div className="nebulab-Training-times">{times(one, model.now(), trans)}</div>
      {isOpen && <Detail one={one} model={model} actions={actions} trans={trans} />}
    </li>
  );
}

/** When it was sent, how long it waited, how long it ran, and on what. */
export function times(one: ITraining, now: number, trans: TranslationBundle): string {
  const parts: string[] = [];
  if (one.created !== null) {
    const sent = new Date(one.created);
    const isToday = new Date(now).toDateString() === sent.toDateString();
    const time = sent.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    parts.push(isToday ? trans.__('sent %1', time) : trans.__('sent %1 %2', sent.toLocaleDateString(), time));
    const waited = (one.begun ?? (one.state === 'queued' ? now : one.ended) ?? one.created) - one.created;
    if (one.begun !== null || one.state === 'queued') {
      parts.push(trans.__('waited %1', duration(waited)));
    }
  }
  if (one.begun !== null) {
    const ran = duration((one.ended ?? now) - one.begun);
    parts.push(one.ended === null ? trans.__('running for %1', ran) : trans.__('ran %1', ran));
  }
  if (one.gpus !== null) {
    parts.push(one.gpus ? trans._n('%1 GPU asked for', '%1 GPUs asked for', one.gpus) : trans.__('CPU'));
  }
  return parts.join(' · ');
}
