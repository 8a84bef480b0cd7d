import { LabIcon } from '@jupyterlab/ui-components';

const bars = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
<g class="jp-icon3" fill="#616161"><path d="M4 13h3v7H4zM10.5 4h3v16h-3zM17 9h3v11h-3z"/></g></svg>`;

export const resourcesIcon = new LabIcon({ name: 'nebulab:resources', svgstr: bars });
