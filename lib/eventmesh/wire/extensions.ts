/** Header property of a push that tells how often the message has been pushed, from the second time on. Only ours says it. */
export const DELIVERY_COUNT: string = "deliverycount";

/** Property of a request that its reply brings back, by which the server finds who asked. */
export const CORRELATION_ID = "correlation99id";

/** Property of a request that says where its reply goes. */
export const REPLY_TO = "reply99to99client";

/** Header property of HELLO_RESPONSE that tells how many publishes a client may have unconfirmed. Only ours says it. */
export const PUBLISH_WINDOW: string = "publishwindow";
