-- Sends messages on several topics, each after the one before was taken. Without that wait the order within a topic
-- would still be kept, but the receiver could look at one topic before the other.
local function main(receiver)
    local next_ch = process.listen("next")

    local messages = {
        { topic = "specific_topic", payload = "one" },
        { topic = "greeting", payload = "hello" },
        { topic = "specific_topic", payload = "two" },
        { topic = "weather", payload = "clear" },
    }
    for _, message in ipairs(messages) do
        process.send(receiver, message.topic, message.payload)
        next_ch:receive()
    end

    process.send(receiver, "done")
end

return { main = main }
