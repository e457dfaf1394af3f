// `npm run check:openapi`: the OpenAPI document by the recommended rules of Redocly, of which it may break none.
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { createOpenapiDocument } from '../apps/api/http/endpoint/openapi';
import { ENDPOINTS } from '../apps/api/routes/all-endpoints';

const check = async (): Promise<void> => {
  const config = await createConfig({ extends: ['recommended'] });
  const source = JSON.stringify(createOpenapiDocument(ENDPOINTS)(), undefined, 2);
  const found = await lintFromString({ source, absoluteRef: '/openapi.json', config });
  for (const { severity, ruleId, message, location } of found)
    console.error(`${severity} ${ruleId} at ${location[0]?.pointer ?? '#/'}: ${message}`);
  if (found.length > 0) process.exitCode = 1;
};

void check();
