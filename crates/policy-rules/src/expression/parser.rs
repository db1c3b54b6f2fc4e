use perilune_policy::{Value, ValueError};

use super::Expression;
use super::node::{Access, Comparison, Node, Root};
use super::token::{Mistake, Token, Tokens};
use crate::matcher::Matcher;

pub(crate) fn parse(text: &str) -> Result<Node, Mistake> {
    if text.len() > Expression::MAX_LENGTH {
        return Err((0, format!("an expression of more than {} bytes", Expression::MAX_LENGTH)));
    }
    let mut tokens = Tokens::new(text);
    let (at, token) = tokens.next()?;
    let mut parser = Parser { tokens, at, token, depth: 0 };
    let node = parser.any()?;
    match parser.token {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("an operator")),
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    /// Where `token` begins.
    at: usize,
    token: Token<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Node, Mistake> {
        self.chain("||", Self::all, Node::Any)
    }

    fn all(&mut self) -> Result<Node, Mistake> {
        self.chain("&&", Self::comparison, Node::All)
    }

    /// One node for the whole chain, so that a long one is not a deep one.
    fn chain(
        &mut self,
        symbol: &'static str,
        operand: fn(&mut Self) -> Result<Node, Mistake>,
        join: fn(Vec<Node>) -> Node,
    ) -> Result<Node, Mistake> {
        let first = operand(self)?;
        if !self.is_symbol(symbol) {
            return Ok(first);
        }
        let mut nodes = vec![first];
        while self.take_symbol(symbol)? {
            nodes.push(operand(self)?);
        }
        Ok(join(nodes))
    }

    fn comparison(&mut self) -> Result<Node, Mistake> {
        let left = self.unary()?;
        let Some(comparison) = self.operator() else { return Ok(left) };
        self.advance()?;
        let start = self.at;
        let right = self.unary()?;
        if self.operator().is_some() {
            return Err((self.at, "comparisons do not chain; put one into parentheses".into()));
        }
        let right = match (comparison, right) {
            (Comparison::Matches, Node::Literal(Value::String(pattern))) => {
                let matcher = Matcher::new(&pattern).map_err(|reason| (start, format!("this pattern {reason}")))?;
                Node::Matcher(Box::new(matcher))
            }
            (_, right) => right,
        };
        Ok(Node::Compare(comparison, Box::new((left, right))))
    }

    fn operator(&self) -> Option<Comparison> {
        match self.token {
            Token::Symbol(text) | Token::Name(text) => Comparison::parse(text),
            _ => None,
        }
    }

    fn unary(&mut self) -> Result<Node, Mistake> {
        if self.take_symbol("!")? {
            return self.nested(|parser| Ok(Node::Not(Box::new(parser.unary()?))));
        }
        if self.take_symbol("-")? {
            let negated = match &self.token {
                Token::Literal(Value::Integer(number)) => Value::Integer(-number),
                Token::Literal(Value::Number(number)) => Value::Number(-number),
                _ => return Err(self.unexpected("a number")),
            };
            self.advance()?;
            return Ok(Node::Literal(negated));
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Node, Mistake> {
        let (root, start) = (self.primary()?, self.at);
        let mut path = Vec::new();
        loop {
            if self.take_symbol(".")? {
                let Token::Name(name) = self.token else { return Err(self.unexpected("a name")) };
                path.push(Access::Name(name.into()));
                self.advance()?;
            } else if self.take_symbol("[")? {
                let key = self.nested(Self::any)?;
                self.expect_symbol("]")?;
                path.push(match key {
                    Node::Literal(Value::String(name)) => Access::Name(name),
                    key => Access::Computed(key),
                });
            } else if self.is_symbol("(") {
                return Err((self.at, "expressions call no functions".into()));
            } else if path.is_empty() {
                return Ok(root);
            } else {
                return match root {
                    Node::Variable(root, mut outer) => {
                        outer.extend(path);
                        Ok(Node::Variable(root, outer))
                    }
                    Node::Literal(Value::Nil) => Ok(root),
                    Node::List(_) | Node::Literal(Value::List(_)) => Ok(Node::Access(Box::new(root), path)),
                    _ => Err((start, "only names and lists have something inside".into())),
                };
            }
        }
    }

    fn primary(&mut self) -> Result<Node, Mistake> {
        if self.take_symbol("(")? {
            let node = self.nested(Self::any)?;
            self.expect_symbol(")")?;
            return Ok(node);
        }
        if self.is_symbol("[") {
            return self.list();
        }
        let node = match &self.token {
            Token::Literal(value) => Node::Literal(value.clone()),
            Token::Name("true") => Node::Literal(true.into()),
            Token::Name("false") => Node::Literal(false.into()),
            Token::Name("actor") => Node::Variable(Root::Actor, Vec::new()),
            Token::Name("action") => Node::Variable(Root::Action, Vec::new()),
            Token::Name("resource") => Node::Variable(Root::Resource, Vec::new()),
            Token::Name("meta") => Node::Variable(Root::Attributes, Vec::new()),
            Token::Name("not") => return Err((self.at, "unexpected `not`; did you mean `!`?".into())),
            Token::Name(name) if Comparison::parse(name).is_none() => Node::Literal(Value::Nil),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance()?;
        Ok(node)
    }

    fn list(&mut self) -> Result<Node, Mistake> {
        let start = self.at;
        self.advance()?;
        let mut nodes = Vec::new();
        while !self.is_symbol("]") {
            nodes.push(self.nested(Self::any)?);
            if !self.take_symbol(",")? && !self.is_symbol("]") {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
        self.advance()?;
        let constants: Option<Vec<Value>> = nodes
            .iter()
            .map(|node| match node {
                Node::Literal(value) => Some(value.clone()),
                _ => None,
            })
            .collect();
        match constants {
            Some(values) => {
                Value::list(values).map(Node::Literal).map_err(|error: ValueError| (start, error.to_string()))
            }
            None => Ok(Node::List(nodes)),
        }
    }

    // INVARIANT: whatever calls itself goes through here, or native stacks would be as long as an expression.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Mistake>) -> Result<T, Mistake> {
        if self.depth == Expression::MAX_DEPTH {
            return Err((self.at, format!("nested more than {} levels deep", Expression::MAX_DEPTH)));
        }
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    fn advance(&mut self) -> Result<(), Mistake> {
        (self.at, self.token) = self.tokens.next()?;
        Ok(())
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(other) if other == symbol)
    }

    fn take_symbol(&mut self, symbol: &str) -> Result<bool, Mistake> {
        let found = self.is_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), Mistake> {
        if self.take_symbol(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Mistake {
        let advice = match self.token {
            Token::Name("and") => "; did you mean `&&`?",
            Token::Name("or") => "; did you mean `||`?",
            _ => "",
        };
        (self.at, format!("expected {wanted}, found {}{advice}", self.token.describe()))
    }
}
