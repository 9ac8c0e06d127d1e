/** Header property of a push that tells how often the message has been pushed, from the second time on. Only ours says it. */
export const DELIVERY_COUNT: string = "deliverycount";

/** Header property of HELLO_RESPONSE that tells how many publishes a client may have unconfirmed. Only ours says it. */
export const PUBLISH_WINDOW: string = "publishwindow";
