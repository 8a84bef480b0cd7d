/** The Galaxy panel's icon: three bars of different length, as Galaxy's own. */
import { LabIcon } from '@jupyterlab/ui-components';

const DRAWING = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <rect x="6" y="5" width="12" height="3" rx="1"/>
    <rect x="2" y="10.5" width="20" height="3" rx="1"/>
    <rect x="6" y="16" width="8" height="3" rx="1"/>
  </g>
</svg>`;

export const galaxyIcon = new LabIcon({ name: 'nebulab:galaxy', svgstr: DRAWING });
