// A new template.
import { Problem } from '../../../../../libs/mail/input/problem';
import { FormRefusal } from '../../kit/form';
import { pathTo } from '../../kit/paths';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { Editor } from './editor';
import { renderTyped } from './preview';
import { asChecked, check, Head, namesOf, placeOf, previewTyped, put } from './template-parts';

const showNew = async (visit: Visit): Promise<View> => {
  const { say, form } = visit;
  const { tenant } = placeOf(visit);
  const names = await namesOf(visit, tenant);
  const checked = form.isSent ? await asChecked(() => renderTyped(visit, tenant, 'new')) : {};
  return {
    title: say('templates.new'),
    body: (
      <>
        <Head visit={visit} tenant={tenant} title={say('templates.new')} />
        <FormRefusal visit={visit} />
        <Editor
          {...{ visit, names, checked }}
          here={`${pathTo('tenants', tenant)}/new-template`}
          present={undefined}
          version=""
        />
      </>
    ),
  };
};

const make = async (visit: Visit): Promise<Redirect> => {
  const { say, ask } = visit;
  const params = { tenant: placeOf(visit).tenant, name: visit.form.get('name') ?? '' };
  const isThere = await ask('getTemplate', { params }).then(
    () => true,
    () => false,
  );
  if (isThere)
    throw new Problem('invalid', say('template.exists'), [{ path: '/name', message: say('template.exists') }]);
  await put(visit, params.name, undefined);
  const redirect = pathTo('tenants', params.tenant, 'templates', params.name);
  return { redirect, notice: 'template.saved', values: { version: 1 } };
};

const NEW = '/tenants/:tenant/new-template';

export const NEW_TEMPLATE_PAGES: readonly Page[] = [
  { path: NEW, get: showNew, post: make },
  { path: `${NEW}/preview`, post: previewTyped },
  { path: `${NEW}/check`, post: check },
];
