/** The plugins that Nebulab adds to JupyterLab's page, one folder a subject. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import apps from './apps';
import galaxy from './galaxy';
import git from './git';
import pipelines from './pipelines';
import resources from './resources';
import session from './session';
import start from './start';
import trainings from './trainings';

const plugins: JupyterFrontEndPlugin<unknown>[] = [session, apps, galaxy, git, pipelines, resources, start, trainings];

export default plugins;
