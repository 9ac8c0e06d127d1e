import { type Case, cloudEvents, confirm, selectors } from "./stage.ts";

const plain = selectors();

export const requestCases: readonly Case[] = [
  {
    name: "request-and-reply",
    async play(stage) {
      const responder = await stage.subscribe("responder", { type: "SYNC" });
      const requester = await stage.open("pub", "requester");
      const asked = requester.send("REQUEST_TO_SERVER", { body: stage.message() }, plain);
      const push = await responder.push();
      if (push !== undefined) {
        await confirm(responder, push);
        const body = JSON.stringify({ ...JSON.parse(push.body), body: "pong" });
        responder.send("RESPONSE_TO_SERVER", { body }, plain);
      }
      await requester.until(() => asked.answers.length > 0);
      await responder.quiesce();
    },
  },
  {
    name: "request-without-responder",
    async play(stage) {
      const requester = await stage.open("pub");
      await requester.say("REQUEST_TO_SERVER", stage.message({ properties: { ttl: "1" } }), plain);
    },
  },
  {
    name: "request-event-without-responder",
    async play(stage) {
      const requester = await stage.open("pub");
      await requester.say("REQUEST_TO_SERVER", stage.event({ ttl: "1" }), cloudEvents);
    },
  },
  {
    name: "request-wrong-ttl",
    async play(stage) {
      const requester = await stage.open("pub");
      await requester.say("REQUEST_TO_SERVER", stage.message({ properties: { ttl: "soon" } }), plain);
    },
  },
  {
    name: "request-without-properties",
    async play(stage) {
      const requester = await stage.open("pub");
      await requester.say("REQUEST_TO_SERVER", stage.message());
    },
  },
  {
    name: "request-without-content",
    async play(stage) {
      const requester = await stage.open("pub");
      await requester.say("REQUEST_TO_SERVER", stage.message({ body: undefined }), plain);
    },
  },
  {
    name: "reply-to-nothing",
    async play(stage) {
      const responder = await stage.open("pub");
      const properties = { correlation99id: "none", reply99to99client: "nobody" };
      await responder.say("RESPONSE_TO_SERVER", stage.message({ properties }), plain);
    },
  },
  {
    name: "reply-without-properties",
    async play(stage) {
      const responder = await stage.open("pub");
      await responder.say("RESPONSE_TO_SERVER", stage.message());
    },
  },
  {
    name: "reply-no-json",
    async play(stage) {
      const responder = await stage.open("pub");
      await responder.say("RESPONSE_TO_SERVER", "pong", plain);
    },
  },
];
