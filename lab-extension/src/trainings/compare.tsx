import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { verdict } from './card';
import type { Client, IElement, ISide } from './client';
import { inWords } from './model';
import { StateMark } from './panel';
import { duration, inOneLine } from './words';

/** Trainings side by side: what was asked, how long it took, values, models, figures. */
export class Comparison extends ReactWidget {
  constructor(
    private readonly _client: Client,
    private readonly _ids: string[],
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nebulab-Comparison');
  }

  render(): JSX.Element {
    return <Loading client={this._client} ids={this._ids} trans={this._trans} />;
  }
}

interface IProps {
  client: Client;
  ids: string[];
  trans: TranslationBundle;
}

function Loading({ client, ids, trans }: IProps): JSX.Element {
  const [sides, setSides] = React.useState<ISide[] | null>(null);
  const [trouble, setTrouble] = React.useState('');
  React.useEffect(() => {
    client.compare(ids).then(setSides, error => setTrouble(inWords(error)));
  }, [client, ids]);
  if (trouble) {
    return (
      <p className="nebulab-Fault" role="alert">
        {trouble}
      </p>
    );
  }
  if (!sides) {
    return <p role="status">{trans.__('The results are fetched from Galaxy …')}</p>;
  }
  // In focus it can be scrolled by the keyboard.
  return (
    <section tabIndex={0} aria-label={trans.__('Comparison')}>
      <Table sides={sides} client={client} trans={trans} />
    </section>
  );
}

interface IRow {
  name: string;
  cells: React.ReactNode[];
  differs: boolean;
}

function Table({ sides, client, trans }: { sides: ISide[]; client: Client; trans: TranslationBundle }): JSX.Element {
  const nothing = '–';
  const texts = (name: string, of: (side: ISide) => string): IRow => {
    const cells = sides.map(of);
    return { name, cells, differs: new Set(cells).size > 1 };
  };
  const span = (from: number | null, to: number | null): string =>
    from === null || to === null ? nothing : duration(to - from);
  // A parameter is a variable too, and stands above.
  const asked = new Set(sides.flatMap(each => Object.keys(each.parameters)));
  const left = (side: ISide): Record<string, unknown> =>
    Object.fromEntries(Object.entries(side.values).filter(([name]) => !asked.has(name)));
  const groups: [string, IRow[]][] = [
    [
      trans.__('Run'),
      [
        {
          name: trans.__('State'),
          cells: sides.map(each => <StateMark key={each.id} state={each.state} trans={trans} />),
          differs: false
        },
        texts(trans.__('Sent'), each => (each.created === null ? nothing : new Date(each.created).toLocaleString())),
        texts(trans.__('Waited'), each => span(each.created, each.begun)),
        texts(trans.__('Ran'), each => span(each.begun, each.ended)),
        texts(trans.__('Memory at most'), each =>
          each.progress?.memory ? `${each.progress.memory.peak_gb} GB` : nothing
        ),
        texts(trans.__('GPU memory at most'), each =>
          each.progress?.gpu ? `${each.progress.gpu.peak_gb} GB` : nothing
        ),
        texts(trans.__('Failed because'), each => each.failure?.reason ?? nothing)
      ]
    ],
    [trans.__('Parameters'), byName(sides, each => each.parameters, nothing)],
    [trans.__('Numbers and texts'), byName(sides, left, nothing, trans)],
    [
      trans.__('Models'),
      names(sides.map(each => each.models.map(model => model.name))).map(name =>
        texts(name, each => {
          const card = each.models.find(model => model.name === name);
          return card ? verdict(card, trans) : nothing;
        })
      )
    ],
    [
      trans.__('Tables'),
      names(sides.map(each => each.tables.map(table => table.name))).map(name =>
        texts(name, each => (each.tables.some(table => table.name === name) ? trans.__('yes') : nothing))
      )
    ]
  ];
  if (sides.some(each => each.values_missing)) {
    groups[2][1].push(texts(trans.__('Not read'), each => each.values_missing || nothing));
  }
  const figures = names(sides.map(each => each.figures.map(figure => figure.name)));
  return (
    <table aria-label={trans.__('Comparison of trainings')}>
      <thead>
        <tr>
          <td />
          {sides.map(each => (
            <th key={each.id} scope="col">
              {each.name}
            </th>
          ))}
        </tr>
      </thead>
      {groups
        .filter(([, rows]) => rows.length)
        .map(([title, rows], place) => (
          <tbody key={title}>
            <tr>
              <th scope="rowgroup" colSpan={sides.length + 1}>
                {title}
              </th>
            </tr>
            {rows.map(row => (
              <tr key={row.name} className={row.differs && place > 0 ? 'nebulab-mod-differs' : ''}>
                <th scope="row">{row.name}</th>
                {row.cells.map((cell, number) => (
                  <td key={number}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        ))}
      {figures.length > 0 && (
        <tbody>
          <tr>
            <th scope="rowgroup" colSpan={sides.length + 1}>
              {trans.__('Figures')}
            </th>
          </tr>
          {figures.map(name => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {sides.map(each => (
                <td key={each.id}>
                  <Figure element={each.figures.find(one => one.name === name)} of={each.name} client={client} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      )}
    </table>
  );
}

function names(lists: string[][]): string[] {
  return [...new Set(lists.flat())];
}

function byName(
  sides: ISide[],
  of: (side: ISide) => Record<string, unknown>,
  nothing: string,
  trans?: TranslationBundle
): IRow[] {
  const show = (value: unknown): string => {
    const course = value as { last?: unknown; count?: number } | null;
    if (trans && typeof course === 'object' && course && 'last' in course) {
      return trans.__('%1 (the last of %2)', inOneLine(course.last), course.count ?? 0);
    }
    return inOneLine(value);
  };
  return names(sides.map(side => Object.keys(of(side)))).map(name => {
    const cells = sides.map(side => (name in of(side) ? show(of(side)[name]) : nothing));
    return { name, cells, differs: new Set(cells).size > 1 };
  });
}

function Figure({ element, of, client }: { element?: IElement; of: string; client: Client }): JSX.Element | null {
  const [source, setSource] = React.useState('');
  const [trouble, setTrouble] = React.useState('');
  const id = element?.id ?? '';
  React.useEffect(() => {
    if (id) {
      client.figure(id).then(setSource, error => setTrouble(inWords(error)));
    }
  }, [client, id]);
  if (trouble) {
    return <span className="nebulab-Fault">{trouble}</span>;
  }
  return source ? <img src={source} alt={`${element!.name}, ${of}`} /> : null;
}
