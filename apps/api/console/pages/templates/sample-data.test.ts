// Data to try a template with: by its schema, or by the names that it uses.
import { sampleDataFor } from './sample-data';

test.each([
  [
    'names',
    { subject: '<%= it.number %>', html: '<%= it.customer.name %> <%= it.customer?.street %>' },
    {
      number: 'number',
      customer: { name: 'name', street: 'street' },
    },
  ],
  [
    'members of lists',
    { html: '<% it.items.forEach((one) => { %><%= one.what %> <%= one.price %><% }) %>' },
    {
      items: [{ what: 'what', price: 'price' }],
    },
  ],
  [
    'lists that are walked through',
    { text: '<% for (const row of it.rows) { %><%= row.sum %><% } %>' },
    {
      rows: [{ sum: 'sum' }],
    },
  ],
  ['what is called', { subject: '<%= it.parcel.number.toUpperCase() %>' }, { parcel: { number: 'number' } }],
  ['what a layout frames', { html: '<%~ it.body %> <%= it.footer %>' }, { footer: 'footer' }],
  ['what is no data', { html: '<%= it.__proto__.polluted %> <%= it.constructor.name %>' }, {}],
  ['nothing', {}, {}],
])('%s', (_what, template, sample) => {
  expect(JSON.parse(sampleDataFor(template))).toEqual(sample);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('a schema says more than names do', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', examples: ['Ann'] },
      sum: { type: 'number', default: 12 },
      kind: { enum: ['a', 'b'] },
      rows: { type: 'array', items: { type: 'object', properties: { n: { type: 'integer' } } } },
    },
  };
  expect(JSON.parse(sampleDataFor({ text: '<%= it.other %>', schema: schema }))).toEqual({
    name: 'Ann',
    sum: 12,
    kind: 'a',
    rows: [{ n: 1 }],
  });
});
