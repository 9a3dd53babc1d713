// Places calls by ari-client for some seconds, a number of them at once; no store, no API. It hears the same
// events as the bot. Prints one JSON object.
'use strict';

const crypto = require('crypto');
const ari = require('ari-client');

const [url, user, phone, caller, atOnce, seconds] = process.argv.slice(2);
const APP = 'bench_node';
const KINDS = ['StasisStart', 'ChannelStateChange', 'ChannelHangupRequest', 'ChannelDestroyed', 'ChannelUserevent',
  'Dial', 'PlaybackStarted', 'PlaybackFinished', 'ApplicationReplaced'];

async function main() {
  const client = await ari.connect(url, user, process.env.ARI_PASSWORD);
  await client.start(APP);
  await client.applications.filter({
    applicationName: APP,
    filter: { allowed: KINDS.map((type) => ({ type })), disallowed: [] },
  });
  await client.applications.subscribe({ applicationName: APP, eventSource: 'endpoint:PJSIP/novofon' });

  const open = new Set();
  const told = { placed: 0, answered: 0, ended: 0, refused: 0 };
  const cpu = process.cpuUsage();
  const begin = process.hrtime.bigint();
  const passed = () => Number(process.hrtime.bigint() - begin) / 1e9;
  let done;
  const finished = new Promise((resolve) => { done = resolve; });

  function place() {
    while (open.size < Number(atOnce) && passed() < Number(seconds)) {
      const id = crypto.randomUUID();
      open.add(id);
      told.placed += 1;
      client.channels.originateWithId({
        channelId: id, endpoint: `Local/${phone}@outgoing`, app: APP, callerId: caller, timeout: 70,
        otherChannelId: `${id};2`, variables: { NOVOFON_CALLER_ID: caller },
      }).catch((error) => {
        told.refused += 1;
        console.error(`originate: ${error.message}`);
        end(id);
      });
    }
    if (open.size === 0) done();
  }
  function end(id) {
    if (open.delete(id)) place();
  }

  client.on('StasisStart', (event) => { if (open.has(event.channel.id)) told.answered += 1; });
  client.on('ChannelDestroyed', (event) => {
    if (open.has(event.channel.id)) {
      told.ended += 1;
      end(event.channel.id);
    }
  });
  place();
  await finished;

  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({
    ...told, seconds: passed(), cpu: (used.user + used.system) / 1e6, memory: process.memoryUsage().rss,
  }));
  process.exit(told.refused === 0 ? 0 : 1);
}

main().catch((error) => {
  console.error(error.message || error);
  process.exit(1);
});
