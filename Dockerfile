# One image for all processes: the API by default, the worker by `node dist/apps/worker/main.js`, mail by SMTP by `node dist/apps/smtp/main.js`.
FROM node:24-bookworm-slim AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM deps AS build
COPY tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
COPY dev dev
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim AS runtime
ENV NODE_ENV=production ROHRPOST_HTTP_HOST=0.0.0.0 ROHRPOST_DATA_DIR=/data
WORKDIR /app
# A new volume takes over the owner of the folder that it covers; everything else stays root's.
RUN mkdir /data && chown node:node /data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist/apps dist/apps
COPY --from=build /app/dist/libs dist/libs
USER node
VOLUME /data
EXPOSE 3000 2525
CMD ["node", "dist/apps/api/main.js"]
