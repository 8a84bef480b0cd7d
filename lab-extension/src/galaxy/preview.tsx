/** A look into a dataset, in the main area. All that a dataset holds is shown as text, an image as an `<img>`. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useState } from 'react';

import { Refused } from '../server';
import type { Actions } from './actions';
import type { IItem, IPreview, ISection } from './client';
import { galaxyIcon } from './icon';
import { inBytes, visible } from './words';

/** Image types that the server may name; anything else is not shown. */
const IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/bmp', 'image/webp', 'image/svg+xml']);

/** Open the preview of a dataset by Galaxy's id, or show the one that is open. */
export function open(actions: Actions, id: string): void {
  const { shell } = actions.app;
  const name = `nebulab-preview-${id}`;
  const known = [...shell.widgets('main')].find(widget => widget.id === name);
  if (known) {
    shell.activateById(name);
    return;
  }
  const content = new PreviewWidget(actions, id);
  const widget = new MainAreaWidget({ content });
  widget.toolbar.hide();
  widget.id = name;
  widget.title.label = visible(content.item?.name ?? '') || actions.trans.__('Preview');
  widget.title.icon = galaxyIcon;
  widget.title.closable = true;
  content.onName = name => {
    widget.title.label = visible(name);
  };
  shell.add(widget, 'main');
  shell.activateById(name);
}

class PreviewWidget extends ReactWidget {
  readonly item: IItem | undefined;
  onName: (name: string) => void = () => undefined;

  constructor(
    private readonly _actions: Actions,
    private readonly _id: string
  ) {
    super();
    this.addClass('nebulab-preview');
    this.node.tabIndex = 0;
    this.item = _actions.model.rows.find(row => row.item?.id === _id)?.item ?? undefined;
  }

  protected render(): JSX.Element {
    return <Preview actions={this._actions} id={this._id} item={this.item} onName={name => this.onName(name)} />;
  }
}

interface IPreviewProps {
  actions: Actions;
  id: string;
  item: IItem | undefined;
  onName: (name: string) => void;
}

function Preview({ actions, id, item, onName }: IPreviewProps): JSX.Element {
  const { trans } = actions;
  const [preview, setPreview] = useState<IPreview | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [round, setRound] = useState(0);

  useEffect(() => {
    setError(null);
    actions.model.client.preview(id).then(found => {
      setPreview(found);
      onName(found.name);
    }, setError);
  }, [id, round]);

  const facts = preview && [preview.extension, preview.size === null ? '' : inBytes(preview.size)].filter(Boolean);
  return (
    <>
      <div className="nebulab-preview-head">
        <h2>{visible(preview?.name ?? item?.name ?? trans.__('Preview'))}</h2>
        <span>{facts?.join(', ')}</span>
        {item && (
          <>
            {item.load && <Button text={trans.__('Load in notebook')} onClick={() => void actions.load([item])} />}
            <Button text={trans.__('Download')} onClick={() => void actions.download([item])} />
            <Button text={trans.__('Open in Galaxy')} onClick={() => actions.openInGalaxy(item)} />
          </>
        )}
      </div>
      {!preview && !error && <p role="status">{trans.__('Loading…')}</p>}
      {error && (
        <div role="alert">
          <p>{error.message}</p>
          {error instanceof Refused && error.hint && <p>{error.hint}</p>}
          <Button text={trans.__('Try again')} onClick={() => setRound(round + 1)} />
        </div>
      )}
      {preview && <Content preview={preview} trans={trans} />}
    </>
  );
}

function Button({ text, onClick }: { text: string; onClick: () => void }): JSX.Element {
  return (
    <button className="jp-Dialog-button jp-mod-styled jp-mod-reject" onClick={onClick}>
      {text}
    </button>
  );
}

function Content({ preview, trans }: { preview: IPreview; trans: TranslationBundle }): JSX.Element {
  const more = preview.more && <p className="nebulab-preview-more">{trans.__('… and more. This is the beginning.')}</p>;
  switch (preview.kind) {
    case 'table':
      return (
        <>
          <Table heads={preview.columns ?? []} rows={preview.rows ?? []} />
          {more}
        </>
      );
    case 'text':
      return (
        <>
          <pre className="nebulab-preview-text">{visible(preview.text ?? '')}</pre>
          {more}
        </>
      );
    case 'image':
      return <Image preview={preview} trans={trans} />;
    case 'hdf5':
      return (
        <>
          <Tree preview={preview} trans={trans} />
          {more}
        </>
      );
    case 'notebook':
      return (
        <>
          <Notebook preview={preview} trans={trans} />
          {more}
        </>
      );
    case 'model':
      return <Card preview={preview} />;
    default:
      return <p>{preview.text}</p>;
  }
}

function Image({ preview, trans }: { preview: IPreview; trans: TranslationBundle }): JSX.Element {
  const [isBroken, setBroken] = useState(false);
  if (!IMAGES.has(preview.type ?? '')) {
    return <p>{trans.__('There is no preview of such an image.')}</p>;
  }
  if (isBroken) {
    return (
      <p role="alert">
        {trans.__('The image is broken: its beginning is that of an image, and the rest can’t be shown.')}{' '}
        {trans.__('Make or upload it again; Download brings it as it is.')}
      </p>
    );
  }
  return (
    <img
      className="nebulab-preview-image"
      alt={visible(preview.name)}
      src={`data:${preview.type};base64,${preview.data}`}
      onError={() => setBroken(true)}
    />
  );
}

function Table({ heads, rows }: { heads: string[]; rows: string[][] }): JSX.Element {
  return (
    <div className="nebulab-preview-scroll">
      <table>
        <thead>
          <tr>
            {heads.map((head, number) => (
              <th key={number} scope="col">
                {visible(head)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, number) => (
            <tr key={number}>
              {row.map((cell, column) => (
                <td key={column}>{visible(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Tree({ preview, trans }: { preview: IPreview; trans: TranslationBundle }): JSX.Element {
  return (
    <ul className="nebulab-preview-tree" aria-label={trans.__('Contents of the HDF5 file')}>
      {preview.nodes?.map((node, number) => (
        <li key={number} data-type={node.type} style={{ paddingLeft: node.depth * 20 }}>
          <strong>{visible(node.name)}</strong> <span>{visible(node.what)}</span>
        </li>
      ))}
    </ul>
  );
}

function Notebook({ preview, trans }: { preview: IPreview; trans: TranslationBundle }): JSX.Element {
  return (
    <ol className="nebulab-preview-cells" aria-label={trans.__('Cells of the notebook')}>
      {preview.cells?.map((cell, number) => (
        <li key={number} data-type={cell.type}>
          <pre>{visible(cell.source)}</pre>
          {cell.outputs.map((output, place) => (
            <pre key={place} className="nebulab-preview-output">
              {visible(output)}
            </pre>
          ))}
        </li>
      ))}
    </ol>
  );
}

function Card({ preview }: { preview: IPreview }): JSX.Element {
  return (
    <article className="nebulab-preview-card">
      <h3>{visible(preview.title ?? '')}</h3>
      <p>{preview.class}</p>
      <p className={preview.proven ? 'nebulab-mod-proven' : 'nebulab-mod-unproven'}>{preview.verdict}</p>
      {preview.sections?.map((section: ISection) => (
        <section key={section.title}>
          <h4>{section.title}</h4>
          {section.text && <p>{visible(section.text)}</p>}
          {section.rows.length > 0 && <Table heads={section.heads} rows={section.rows} />}
        </section>
      ))}
    </article>
  );
}
