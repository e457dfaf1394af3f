// The emails of the benchmarks: a receipt with 300 bytes of data, as a template and finished.
import { Eta } from 'eta';

export const TEMPLATE = {
  subject: 'Receipt <%= it.number %> for <%= it.name %>',
  html: `<!doctype html>
<html><body style="font:16px/1.6 sans-serif;color:#22252b">
<h1>Thank you, <%= it.name %>!</h1>
<p>Your order <b><%= it.number %></b> is on its way to <%= it.address %>.</p>
<table><tr><th>Item</th><th>Price</th></tr>
<% for (const item of it.items) { %><tr><td><%= item.what %></td><td><%= item.price %></td></tr>
<% } %></table>
<p>Questions? Answer this mail, or see <a href="https://shop.example/orders/<%= it.number %>">your order</a>.</p>
</body></html>
`,
  text: `Thank you, <%= it.name %>!

Your order <%= it.number %> is on its way to <%= it.address %>.
<% for (const item of it.items) { %>- <%= item.what %>: <%= item.price %>
<% } %>
Questions? Answer this mail.
`,
};

/** The data of the n-th email: 300 bytes of JSON. */
export const dataOf = (n: number): Record<string, unknown> => ({
  name: `Customer ${String(n).padStart(7, '0')}`,
  number: `R-${String(n).padStart(9, '0')}`,
  address: 'Example Street 17, 3rd floor, back yard, 10115 Berlin, Germany',
  items: [
    { what: 'Pneumatic tube, steel, 2 m', price: '49.90 EUR' },
    { what: 'Capsule, felt rings, red', price: '12.50 EUR' },
    { what: 'Station bell, brass', price: '24.00 EUR' },
  ],
});

export const recipientOf = (n: number): string => `r${n}@example.org`;

/** The n-th email as it is posted. */
export const templated = (n: number) => ({ to: [recipientOf(n)], template: 'receipt', data: dataOf(n) });

const eta = new Eta({ autoTrim: false });
const eta4text = new Eta({ autoEscape: false, autoTrim: false });
const compiled = {
  subject: eta4text.compile(TEMPLATE.subject),
  html: eta.compile(TEMPLATE.html),
  text: eta4text.compile(TEMPLATE.text),
};

/** The template rendered by plain Eta, compiled once. */
export const renderPlain = (data: Record<string, unknown>): { subject: string; html: string; text: string } => ({
  subject: eta4text.render(compiled.subject, data),
  html: eta.render(compiled.html, data),
  text: eta4text.render(compiled.text, data),
});

/** The n-th email as it is posted with a body that is ready. */
export const finished = (n: number) => ({ to: [recipientOf(n)], ...renderPlain(dataOf(n)) });
