// The templates of a tenant.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { TemplateList } from '../../../answers/templates';
import { pathTo } from '../../kit/paths';
import { Empty } from '../../kit/parts';
import type { Page } from '../../page/page';

const templateList: Page = {
  path: '/tenants/:tenant/templates',
  async get({ ask, say, params, identity }) {
    const tenant = params['tenant'] ?? '';
    const { templates } = await ask<z.infer<typeof TemplateList>>('listTemplates', { params: { tenant } });
    return {
      title: `${say('templates.title')} · ${tenant}`,
      body: (
        <>
          <p class="crumbs">
            <a href={pathTo('tenants', tenant)}>{tenant}</a>
          </p>
          <div class="row apart">
            <h1>{say('templates.title')}</h1>
            {may(identity, 'administer') && (
              <a class="button" href={`${pathTo('tenants', tenant)}/new-template`}>
                {say('templates.new')}
              </a>
            )}
          </div>
          {templates.length === 0 ? (
            <Empty>{say('templates.none')}</Empty>
          ) : (
            <div class="scroll">
              <table class="cards" aria-label={say('templates.title')}>
                <thead>
                  <tr>
                    <th scope="col">{say('template.name')}</th>
                    <th scope="col" class="number">
                      {say('versions.version')}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {templates.map(({ name, version }) => (
                    <tr>
                      <td>
                        <a href={pathTo('tenants', tenant, 'templates', name)}>{name}</a>
                      </td>
                      <td class="number" data-label={say('versions.version')}>
                        {version}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      ),
    };
  },
};

export const TEMPLATE_LIST_PAGES: readonly Page[] = [templateList];
